package client_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

func link(n int64, hash string) *pb.AuditLink { return &pb.AuditLink{Sequence: n, Hash: hash} }

func TestAWholeChainIsFollowedToItsEnd(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.verify = []*pb.VerifyAuditChainResponse{{Verified: link(10, "aa")}, {Verified: link(20, "bb")}, {Verified: link(25, "cc"), Complete: true}}
		r := d.run(t, "audit", "verify", "--tenant", "acme", "--head", "25:cc")
		r.wantCode(t, 0)
		want(t, "stdout", r.out, "Chain:           whole\nVerified up to:  25:cc\n")
		wanted := []proto.Message{
			&pb.VerifyAuditChainRequest{TenantId: "acme", Head: "25:cc"},
			&pb.VerifyAuditChainRequest{TenantId: "acme", Head: "25:cc", From: "10:aa"},
			&pb.VerifyAuditChainRequest{TenantId: "acme", Head: "25:cc", From: "20:bb"},
		}
		if len(d.fake.asked) != len(wanted) {
			t.Fatalf("asked %v", d.fake.asked)
		}
		for i := range wanted {
			if !proto.Equal(wanted[i], d.fake.asked[i]) {
				t.Errorf("asked %v, want %v", d.fake.asked[i], wanted[i])
			}
		}
	})
}

func TestABrokenChainIsNamed(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.verify = []*pb.VerifyAuditChainResponse{{Verified: link(10, "aa")}, {Verified: link(13, "bb"), BrokenSequence: 14, Problem: "the event was changed"}}
		r := d.run(t, "audit", "verify")
		r.wantCode(t, 8)
		want(t, "stdout", r.out, `Chain:              broken
Verified up to:     13:bb
First broken link:  14
Problem:            the event was changed
`)
		want(t, "stderr", r.err, "")
		d.fake.verify = []*pb.VerifyAuditChainResponse{{Complete: true, Problem: "the head that was kept is not in it"}}
		d.run(t, "audit", "verify", "-o", "json").wantCode(t, 8)
	})
}

func TestAChainThatGoesNowhereEnds(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.verify = []*pb.VerifyAuditChainResponse{{Verified: link(10, "aa")}, {Verified: link(10, "aa")}}
		d.run(t, "audit", "verify").wantCode(t, 1)
		d.fake.verify = []*pb.VerifyAuditChainResponse{{}}
		d.run(t, "audit", "verify").wantCode(t, 1)
	})
}

func TestAnEmptyChainIsWhole(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.verify = []*pb.VerifyAuditChainResponse{{Verified: link(0, "00"), Complete: true}}
		r := d.run(t, "audit", "verify")
		r.wantCode(t, 0)
		want(t, "stdout", r.out, "Chain:  whole\n")
	})
}

func TestAuditHead(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		r := d.run(t, "audit", "head", "--tenant", "acme")
		r.wantCode(t, 0)
		want(t, "stdout", r.out, "42:c0ffee\n")
	})
}

func TestAuditList(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.total = 3
		r := d.run(t, "audit", "list", "--limit", "1")
		r.wantCode(t, 0)
		want(t, "stdout", r.out, `SEQUENCE  TIME                  ACTOR      ACTION                TARGET                              OUTCOME  REASON  COUNT  FROM       REQUEST
3         2026-11-02T09:30:00Z  acme/boss  keystile.keys.create  key/key_0123456789abcdefghjkmnpqrs  DONE     -       1      192.0.2.1  req-1
`)
		wantPart(t, "stderr", r.err, "There is more than these 1")
	})
}
