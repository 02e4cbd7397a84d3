package client_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

func allowed() *pb.CheckKeyResponse {
	return &pb.CheckKeyResponse{
		Allowed: true, Reason: pb.Verdict_ALLOWED, Message: "the call may go ahead", DecisionId: "dec-1",
		Identity:   &pb.Identity{TenantId: "acme", UserId: "ada", KeyId: keyID, DisplayName: "Ada", Roles: []string{"developer"}, Permissions: []string{"*", "keystile.keys.read"}, Labels: map[string]string{"env": "prod"}},
		Warnings:   []*pb.Warning{{Kind: pb.Warning_EXPIRES_SOON, Message: "the key expires soon", Time: at("2026-12-01T00:00:00Z")}},
		ExpireTime: at("2026-12-01T00:00:00Z"), Freshness: &pb.Freshness{Age: durationpb.New(300 * time.Millisecond), Revision: "7"},
	}
}

func refused() *pb.CheckKeyResponse {
	return &pb.CheckKeyResponse{
		Reason: pb.Verdict_PERMISSION_DENIED, Message: "the key lacks the permission", Remedy: "Ask for it.",
		DocumentationUrl: "https://example.com/errors.md#permission_denied", DecisionId: "dec-2",
		Identity: &pb.Identity{TenantId: "acme", UserId: "ada", KeyId: keyID}, MissingPermission: "orders.write", MissingFrom: "scope",
	}
}

func TestAnAllowedKey(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.check = allowed()
		d.env["KEYSTILE_CHECK_SECRET"] = goodSecret + "\n"
		r := d.run(t, "key", "check", "--permission", "orders.read", "--client-ip", "203.0.113.7", "--cost", "0", "--key-tenant", "acme")
		r.wantCode(t, 0)
		want(t, "stderr", r.err, "")
		want(t, "stdout", r.out, `Allowed:      yes
Reason:       ALLOWED
Message:      the call may go ahead
Warning:      the key expires soon (2026-12-01T00:00:00Z)
Tenant:       acme
User:         ada
User's name:  Ada
Key:          key_0123456789abcdefghjkmnpqrs
Roles:        developer
Permissions:  *, keystile.keys.read
Labels:       env=prod
Expires:      2026-12-01T00:00:00Z
Data age:     300ms
Decision:     dec-1
`)
		asked := &pb.CheckKeyRequest{Key: goodSecret, Permission: "orders.read", ClientIp: "203.0.113.7", Cost: proto.Int32(0), KeyTenant: "acme"}
		if !proto.Equal(asked, d.fake.last()) {
			t.Errorf("asked %v, want %v", d.fake.last(), asked)
		}
	})
}

func TestAKeyIsCheckedByARequest(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.check = &pb.CheckKeyResponse{
			Allowed: true, Reason: pb.Verdict_ALLOWED, ApiId: "orders", ApiTenantId: "acme", RoutePath: "/orders/{id}", PathParameters: map[string]string{"id": "7"},
		}
		d.env["KEYSTILE_CHECK_SECRET"] = goodSecret
		r := d.run(t, "key", "check", "--method", "DELETE", "--host", "api.acme.test", "--path", "/orders/7?x=1", "--tenant", "acme", "--api", "orders", "--api-tenant", "acme")
		r.wantCode(t, 0)
		want(t, "stdout", r.out, `Allowed:     yes
Reason:      ALLOWED
API:         acme/orders
Route:       /orders/{id}
Path holds:  id=7
`)
		asked(t, d, &pb.CheckKeyRequest{
			Key: goodSecret, Tenant: "acme", ApiId: "orders", ApiTenantId: "acme", Request: &pb.HTTPRequest{Method: "DELETE", Host: "api.acme.test", Path: "/orders/7?x=1"},
		})
		d.run(t, "key", "check", "--api", "acme/orders").wantCode(t, 0)
		asked(t, d, &pb.CheckKeyRequest{Key: goodSecret, ApiId: "orders", ApiTenantId: "acme"})
	})
}

func TestARefusedKey(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.check = refused()
		d.env["KEYSTILE_CHECK_SECRET"] = goodSecret
		r := d.run(t, "key", "check")
		r.wantCode(t, 3)
		want(t, "stderr", r.err, "")
		want(t, "stdout", r.out, `Allowed:       no
Reason:        PERMISSION_DENIED
Message:       the key lacks the permission
Missing:       orders.write
Missing from:  scope
Remedy:        Ask for it.
Docs:          https://example.com/errors.md#permission_denied
Tenant:        acme
User:          ada
Key:           key_0123456789abcdefghjkmnpqrs
Decision:      dec-2
`)
		r = d.run(t, "key", "check", "-o", "json")
		r.wantCode(t, 3)
		wantPart(t, "stdout", r.out, `"allowed": false`)
		want(t, "stderr", r.err, "")
	})
}

// A verdict that is all zero refuses.
func TestAnEmptyVerdictIsRefused(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.check = &pb.CheckKeyResponse{}
		d.env["KEYSTILE_CHECK_SECRET"] = goodSecret
		d.run(t, "key", "check").wantCode(t, 3)
	})
}

func TestNoVerdictIsNoRefusal(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.err = ourError(codes.Unavailable, "STORE_UNAVAILABLE")
		d.env["KEYSTILE_CHECK_SECRET"] = goodSecret
		r := d.run(t, "key", "check")
		r.wantCode(t, 7)
		want(t, "stdout", r.out, "")
		if n := len(d.fake.asked); n != 1 {
			t.Errorf("asked %d times: a check costs, and is never repeated", n)
		}
	})
}

func TestWhereTheSecretComesFrom(t *testing.T) {
	d := overGRPC(t)
	d.fake.check = allowed()
	asked := func(secret string) {
		t.Helper()
		if got := d.fake.last().(*pb.CheckKeyRequest).GetKey(); got != secret {
			t.Errorf("asked about %q, want %q", got, secret)
		}
	}
	name := filepath.Join(t.TempDir(), "ci.key")
	if err := os.WriteFile(name, []byte("from-the-file-0000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.stdin = "from-stdin-0000000\r\n"
	d.env["KEYSTILE_CHECK_SECRET"] = "from-the-environment"
	d.prompt = func(string) (string, error) { return "from-the-prompt-000", nil }

	d.run(t, "key", "check", "--secret-file", name).wantCode(t, 0)
	asked("from-the-file-0000")
	d.run(t, "key", "check", "--secret-file", "-").wantCode(t, 0)
	asked("from-stdin-0000000")
	d.run(t, "key", "check").wantCode(t, 0)
	asked("from-the-environment")
	delete(d.env, "KEYSTILE_CHECK_SECRET")
	d.run(t, "key", "check").wantCode(t, 0)
	asked("from-the-prompt-000")
	d.prompt = func(string) (string, error) { return "", errors.New("no more") }
	d.run(t, "key", "check").wantCode(t, 1)
	d.prompt = nil
	d.run(t, "key", "check").wantCode(t, 2)
}

// Whoever types a secret as an argument is told better, and not by repeating it.
func TestASecretIsNoArgument(t *testing.T) {
	d := overGRPC(t)
	for _, args := range [][]string{{goodSecret}, {"--permission", "orders.read", goodSecret, "-o", "json"}, {"--", goodSecret}} {
		r := d.run(t, append([]string{"key", "check"}, args...)...)
		r.wantCode(t, 2)
		wantWithout(t, "stderr", r.err, goodSecret)
		wantPart(t, "stderr", r.err, "--secret-file")
	}
	if len(d.fake.asked) > 0 {
		t.Errorf("the server was asked %v", d.fake.asked)
	}
}
