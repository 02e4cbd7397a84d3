package client_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/cmd/keystile/client"
)

// ends are commands that take a right away, K a key's and S a subscription's id.
func ends() []string {
	return []string{
		"key revoke K", "key revoke-self", "key disable K", "key delete K", "key rotate K --grace 0s", "tenant suspend acme", "tenant delete acme", "user suspend ada",
		"user delete ada", "role delete billing", "plan delete gold", "api retire orders", "api delete orders", "subscription pause S", "subscription delete S",
	}
}

// otherWrites are the commands that write beside those.
func otherWrites() []string {
	return []string{
		"key create --user ada", "key update K --name x", "key rotate K", "key enable K", "tenant create acme", "tenant update acme --name x",
		"tenant activate acme", "tenant purge", "user create ada", "user update ada --name x", "user activate ada", "role create billing", "plan create gold", "plan update gold --name x", "role update billing --name x",
		"api create orders", "api update orders --name x", "api deprecate orders", "subscription create --api orders", "subscription approve S", "subscription reject S",
		"subscription resume S", "subscription update S --note x",
	}
}

// write gives a command that writes.
func write(t *testing.T, d *door, line string, more ...string) result {
	t.Helper()
	d.fake.manage = &pb.ManageKeyResponse{Key: exampleKey()}
	if strings.HasPrefix(line, "key create") || strings.HasPrefix(line, "key rotate") {
		d.fake.manage.Secret = newSecret
	}
	args := strings.Fields(line)
	for i := range args {
		switch args[i] {
		case "K":
			args[i] = keyID
		case "S":
			args[i] = subscriptionID
		}
	}
	r := d.run(t, append(args, more...)...)
	r.wantCode(t, 0)
	return r
}

func confirmed() *pb.Propagation {
	return &pb.Propagation{State: pb.Propagation_CONFIRMED, Revision: "7"}
}

func pending() *pb.Propagation {
	return &pb.Propagation{State: pb.Propagation_PENDING, Revision: "7", Replicas: []*pb.PendingReplica{
		{Id: "rep_b", StopTime: timestamppb.New(at("2026-11-24T10:31:06Z").AsTime().Add(1))}, {Id: "rep_a", StopTime: at("2026-11-24T10:30:59Z")},
	}}
}

const (
	byWhen    = "by 10:31:07 UTC at the latest"
	untilWhen = "keystile: warning: not in force everywhere yet: 2 replicas (rep_b, rep_a) may still allow what this ends, until 10:31:07 UTC at the latest\n"
)

// A write says where it is in force, and one that takes a right away says so
// where nobody pipes it away.
func TestAWriteSaysWhereItIsInForce(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		for _, line := range slices.Concat(ends(), otherWrites()) {
			d.fake.force = confirmed()
			r := write(t, d, line)
			wantMatch(t, line, r.out+r.err, `(?m)^In force: +on every replica$`)
			wantWithout(t, line, r.err, "warning")

			d.fake.force = pending()
			r = write(t, d, line)
			wantMatch(t, line, r.out+r.err, `(?m)^In force: +pending on 2 replicas, `+byWhen+`$`)
			if slices.Contains(ends(), line) {
				wantPart(t, line, r.err, untilWhen)
			} else {
				wantWithout(t, line, r.err, "warning")
			}

			r = write(t, d, line, "-o", "json")
			wantPart(t, line, r.out, `"state": "PENDING"`)
			wantPart(t, line, r.out, `"id": "rep_a"`)
			if slices.Contains(ends(), line) {
				wantPart(t, line, r.err, untilWhen)
			}

			d.fake.force = nil
			r = write(t, d, line)
			wantWithout(t, line, r.out+r.err, "In force")
			wantWithout(t, line, r.err, "warning")
		}
	})
}

func TestWhereAWriteIsInForce(t *testing.T) {
	d := overGRPC(t)
	for _, c := range []struct {
		p            *pb.Propagation
		says, warned string
	}{
		{&pb.Propagation{State: pb.Propagation_CONFIRMED}, "on every replica\n", ""},
		{
			&pb.Propagation{State: pb.Propagation_PENDING, Replicas: []*pb.PendingReplica{{Id: "r\x1b1", StopTime: at("2026-11-24T23:59:59Z")}}},
			"pending on 1 replica, by 23:59:59 UTC at the latest\n", "1 replica (r\ufffd1) may still allow what this ends, until 23:59:59 UTC at the latest\n",
		},
		{&pb.Propagation{State: pb.Propagation_PENDING, Replicas: []*pb.PendingReplica{{Id: "r1"}, {Id: "r2", StopTime: at("2026-11-24T23:59:59Z")}}}, "pending on 2 replicas\n", "2 replicas (r1, r2) may still allow what this ends\n"},
		{&pb.Propagation{State: pb.Propagation_PENDING}, "pending; the store could not say on which replicas\n", "the store could not say on which replicas: some may still allow what this ends\n"},
		// A state that this release does not know is no confirmation.
		{&pb.Propagation{State: 9}, "pending; the store could not say on which replicas\n", "the store could not say on which replicas: some may still allow what this ends\n"},
		{&pb.Propagation{}, "pending; the store could not say on which replicas\n", "the store could not say on which replicas: some may still allow what this ends\n"},
	} {
		d.fake.force = c.p
		r := write(t, d, "user suspend ada")
		wantPart(t, c.p.String(), r.out, "In force:   "+c.says)
		if c.warned == "" {
			want(t, c.p.String(), r.err, "")
		} else {
			wantPart(t, c.p.String(), r.err, "keystile: warning: not in force everywhere yet: "+c.warned)
		}
	}
}

// The secret stays alone on stdout, also when where it is in force is told.
func TestANewSecretStandsAloneBesideWhereItIsInForce(t *testing.T) {
	d := overGRPC(t)
	d.fake.force = pending()
	r := write(t, d, "key create --user ada")
	want(t, "stdout", r.out, newSecret+"\n")
	wantPart(t, "stderr", r.err, "In force:    pending on 2 replicas, "+byWhen+"\n")
}

// Every command that writes takes --no-wait, and says so to the server.
func TestNoWaitIsTold(t *testing.T) {
	all := append(slices.Concat(ends(), otherWrites()), "key import "+kept(t, "keys.csv", many(1)))
	eachDoor(t, func(t *testing.T, d *door) {
		for _, line := range all {
			if w := waits(t, d, line); w != "absent" {
				t.Errorf("%s: wait_for_propagation is %s, want absent", line, w)
			}
			if w := waits(t, d, line, "--no-wait"); w != "false" {
				t.Errorf("%s --no-wait: wait_for_propagation is %s, want false", line, w)
			}
		}
	})
	parser, err := kong.New(&struct{ client.Commands }{}, kong.BindTo(t.Context(), (*context.Context)(nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range leaves(t) {
		line := strings.Join(words, " ")
		given := slices.ContainsFunc(all, func(l string) bool { return l == line || strings.HasPrefix(l, line+" ") })
		node := parser.Model.Node
		for _, word := range words {
			node = node.Children[slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word })]
		}
		takes := slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == "no-wait" })
		if takes != given {
			t.Errorf("%s: takes --no-wait: %t; stands among the writes of this test: %t", line, takes, given)
		}
	}
}

// waits is what the request of a command says about waiting.
func waits(t *testing.T, d *door, line string, more ...string) string {
	t.Helper()
	write(t, d, line, more...)
	m := d.fake.last().ProtoReflect()
	if in, ok := d.fake.last().(*pb.ManageKeyRequest); ok {
		m = m.Get(m.WhichOneof(in.ProtoReflect().Descriptor().Oneofs().ByName("operation"))).Message()
	}
	field := m.Descriptor().Fields().ByName("wait_for_propagation")
	switch {
	case !m.Has(field):
		return "absent"
	case m.Get(field).Bool():
		return "true"
	}
	return "false"
}

func TestAnImportSaysWhereItIsInForce(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		name := kept(t, "keys.csv", many(10_001))
		d.fake.force = pending()
		r := d.run(t, "key", "import", name)
		r.wantCode(t, 0)
		want(t, "stdout", r.out, "Imported:  10001\nCalls:     2\nIn force:  pending on 2 replicas, "+byWhen+"\n")
		r = d.run(t, "key", "import", name, "-o", "json", "--no-wait")
		r.wantCode(t, 0)
		wantPart(t, "stdout", r.out, `"id": "rep_b"`)
	})
}

func TestAKeyIsCheckedByARevision(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.check = allowed()
		d.env["KEYSTILE_CHECK_SECRET"] = goodSecret
		d.run(t, "key", "check", "--min-revision", "4711").wantCode(t, 0)
		if got, asked := d.fake.last(), (&pb.CheckKeyRequest{Key: goodSecret, MinRevision: "4711"}); !proto.Equal(got, asked) {
			t.Errorf("asked %v, want %v", got, asked)
		}
	})
}
