package client_test

import (
	"testing"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

func explained() *pb.ExplainResponse {
	return &pb.ExplainResponse{
		Verdict: &pb.CheckKeyResponse{Reason: pb.Verdict_KEY_EXPIRED, DocumentationUrl: "https://example.com/errors.md#key_expired"},
		Steps: []*pb.ExplainStep{
			{Name: "key known", Outcome: pb.ExplainStep_PASSED},
			{
				Name: "key not expired", Outcome: pb.ExplainStep_FAILED, Reason: pb.Verdict_KEY_EXPIRED, Decisive: true, Detail: "the key ended yesterday",
				Record: "key/" + keyID, Cure: "keystile key update KEY --expires-in 720h\nkeystile key rotate KEY   # if it leaked", CuredBy: "an administrator of the key's tenant",
			},
			{Name: "request unambiguous", Outcome: pb.ExplainStep_NOT_ASKED},
			{Name: "permission held", Outcome: pb.ExplainStep_FAILED, Reason: pb.Verdict_PERMISSION_DENIED, Detail: "the roles lack it", Record: "user/acme/ada", Cure: "x", CuredBy: "y"},
			{Name: "subscription approved", Outcome: pb.ExplainStep_NOT_REACHED},
		},
	}
}

const explainedText = `   STEP                   OUTCOME            RECORD                              FOUND
✓  key known              passed             -                                   -
✗  key not expired        KEY_EXPIRED        key/key_0123456789abcdefghjkmnpqrs  the key ended yesterday
–  request unambiguous    not asked          -                                   -
✗  permission held        PERMISSION_DENIED  user/acme/ada                       the roles lack it
–  subscription approved  not reached        -                                   -

Allowed:          no
Refused by:       key not expired (KEY_EXPIRED)
Cause:            the key ended yesterday
Cure:             keystile key update KEY --expires-in 720h
                  keystile key rotate KEY   # if it leaked
Cured by:         an administrator of the key's tenant
Docs:             https://example.com/errors.md#key_expired
Then refused by:  permission held (PERMISSION_DENIED)
`

func TestExplainShowsEveryStepAndTheCure(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.told = explained()
		r := d.run(t, "explain", "--key-id", keyID, "--permission", "orders.read")
		r.wantCode(t, 0)
		want(t, "stdout", r.out, explainedText)
		want(t, "stderr", r.err, "")
		asked(t, d, &pb.ExplainRequest{KeyId: keyID, Check: &pb.CheckKeyRequest{Permission: "orders.read"}})

		d.env["KEYSTILE_CHECK_SECRET"] = goodSecret
		r = d.run(t, "explain", "--host", "api.acme.test:443", "--path", "/orders/7?x=1", "--client-ip", "203.0.113.7", "--tenant", "acme", "-o", "json")
		r.wantCode(t, 0)
		wantPart(t, "stdout", r.out, `"outcome": "NOT_REACHED"`)
		wantWithout(t, "stdout", r.out, goodSecret)
		asked(t, d, &pb.ExplainRequest{Check: &pb.CheckKeyRequest{
			Key: goodSecret, Tenant: "acme", ClientIp: "203.0.113.7", Request: &pb.HTTPRequest{Method: "GET", Host: "api.acme.test:443", Path: "/orders/7?x=1"},
		}})
	})
}

func TestExplainOfAnAllowedCall(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.told = &pb.ExplainResponse{Verdict: allowed(), Steps: []*pb.ExplainStep{{Name: "key known", Outcome: pb.ExplainStep_PASSED}, {Name: "new here"}}}
		r := d.run(t, "explain", "--key-id", keyID)
		r.wantCode(t, 0)
		want(t, "stdout", r.out, `   STEP       OUTCOME              RECORD  FOUND
✓  key known  passed               -       -
?  new here   OUTCOME_UNSPECIFIED  -       -

Allowed:  yes
Warning:  the key expires soon (2026-12-01T00:00:00Z)
`)
	})
}

func TestExplainOfAPastDecision(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.told = explained()
		d.fake.told.Past = &pb.PastDecision{
			DecisionId: "dec_1", Time: at("2026-11-24T11:00:00Z"), Reason: pb.Verdict_KEY_EXPIRED, Message: "the key has expired", TenantId: "acme", UserId: "ada", KeyId: keyID,
			ApiId: "orders", ApiTenantId: "acme", Method: "GET", Host: "api.acme.test", Path: "/orders/7", ClientIp: "203.0.113.7",
		}
		past := `Decision:  dec_1
Made:      2026-11-24T11:00:00Z
Reason:    KEY_EXPIRED
Message:   the key has expired
Tenant:    acme
User:      ada
Key:       key_0123456789abcdefghjkmnpqrs
API:       acme/orders
Request:   GET api.acme.test/orders/7
Client:    203.0.113.7

`
		r := d.run(t, "explain", "--decision", "dec_1")
		r.wantCode(t, 0)
		want(t, "stdout", r.out, past+"As things stand now:\n\n"+explainedText)
		asked(t, d, &pb.ExplainRequest{DecisionId: "dec_1"})

		d.fake.told.Verdict, d.fake.told.Steps = nil, nil
		want(t, "stdout for the API's tenant", d.run(t, "explain", "--decision", "dec_1").out,
			past+"The key is another tenant's: its administrators can have it explained step by step.\n")
	})
}

func TestExplainIsAskedOneThing(t *testing.T) {
	d := overGRPC(t)
	for _, args := range [][]string{
		{"--decision", "dec_1", "--key-id", keyID}, {"--key-id", keyID, "--secret-file", "-"}, {"--decision", "dec_1", "--permission", "a.b"},
		{"--key-id", keyID, "--method", "GET"}, {"--key-id", keyID, "--host", "a.test"}, {"--key-id", keyID, "--api", "/x"},
		{"--key-id", keyID, "--api", "acme/orders", "--api-tenant", "beta"}, {}, {goodSecret}, {"--key-id", keyID, "--", goodSecret},
	} {
		r := d.run(t, append([]string{"explain"}, args...)...)
		r.wantCode(t, 2)
		wantWithout(t, "stderr", r.err, goodSecret)
	}
	if len(d.fake.asked) > 0 {
		t.Errorf("the server was asked %v", d.fake.asked)
	}
}

func TestTheHolderOfAKey(t *testing.T) {
	speak(t, []spoken{
		{"whoami", &pb.WhoAmIRequest{}, `Tenant:       acme
User:         ada
User's name:  Ada
Key:          key_0123456789abcdefghjkmnpqrs
Roles:        developer
Permissions:  *, keystile.keys.read
Labels:       env=prod
APIs:         orders, acme/billing
Expires:      2026-12-01T00:00:00Z
Warning:      the key expires soon (2026-12-01T00:00:00Z)
`},
		{"key revoke-self --reason key-compromise --note seen", &pb.RevokeSelfRequest{Reason: pb.Key_KEY_COMPROMISE, Note: "seen"}, `Id:          key_0123456789abcdefghjkmnpqrs
Tenant:      acme
User:        ada
Name:        ci
State:       REVOKED
Revoked:     2026-11-24T12:00:00Z
Reason:      KEY_COMPROMISE
Scopes:      orders.read, catalog.*
Networks:    203.0.113.0/24
Labels:      env=prod, team=web
Expires:     2027-01-01T00:00:00Z
Secret:      ks_...Ab3d
Created:     2026-11-01T08:00:00Z
Created by:  acme/boss
Updated:     2026-11-01T08:00:00Z
Etag:        e1
`},
	})
}
