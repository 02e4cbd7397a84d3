package client_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

const sheetOfTenant = `Id:       acme
Name:     Acme
State:    ACTIVE
Secrets:  ks_...
Created:  2026-11-01T08:00:00Z
Etag:     e2
`

const sheetOfUser = `Id:         ada
Tenant:     acme
Kind:       PERSON
State:      ACTIVE
Roles:      developer
Last used:  2026-11-20T10:00:00Z
Created:    2026-11-01T08:00:00Z
Etag:       e3
`

const sheetOfRole = `Id:           billing
Tenant:       acme
Name:         Billing
Kind:         own
Permissions:  invoices.*, orders.read
Created:      2026-11-01T08:00:00Z
Etag:         e4
`

const sheetOfAPI = `Id:            orders
Tenant:        acme
Name:          Orders
Visibility:    PRIVATE
State:         DEPRECATED
Deprecated:    2026-11-02T08:00:00Z
Sunset:        2027-06-30T00:00:00Z
Subscription:  required
Preflights:    let through
Created:       2026-11-01T08:00:00Z
Etag:          e5

METHODS   HOSTS          PATH          PERMISSION   LIMITS
GET,HEAD  api.acme.test  /orders/{id}  orders.read  -
*         *              /orders/**    by method    m=10/1h
`

const sheetOfSubscription = `Id:       sub_0123456789abcdefghjkmnpqrs
Tenant:   beta
User:     bo
API:      acme/orders
State:    PAUSED
Reason:   too many errors
Note:     nightly
Plan:     bronze
Expires:  2027-01-01T00:00:00Z
Created:  2026-11-01T08:00:00Z
Etag:     e6
`

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

// spoken is a command line, what the server is asked, and what is printed.
type spoken struct {
	line string
	asks proto.Message
	says string
}

// speak gives each command line over both doors. In a line, S is the
// subscription's id, and a blank inside an argument is written "~".
func speak(t *testing.T, cases []spoken) {
	t.Helper()
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.policy = &pb.KeyPolicy{MaxLifetime: durationpb.New(720 * time.Hour), ExpiryRequired: true, RequiredLabels: []string{"team"}}
		for _, c := range cases {
			args := strings.Fields(c.line)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "~", " ")
				if args[i] == "S" {
					args[i] = subscriptionID
				}
			}
			r := d.run(t, args...)
			r.wantCode(t, 0)
			want(t, c.line, r.out, c.says)
			if !proto.Equal(c.asks, d.fake.last()) {
				t.Errorf("%s: asked\n     %v\nwant %v", c.line, d.fake.last(), c.asks)
			}
		}
	})
}

func TestTenants(t *testing.T) {
	speak(t, []spoken{
		{"tenant create acme --name Acme --secret-prefix ac --request-id r1", &pb.CreateTenantRequest{Tenant: &pb.Tenant{Id: "acme", DisplayName: "Acme", SecretPrefix: "ac"}, RequestId: "r1"}, sheetOfTenant},
		{
			"tenant create acme --host a.test --host *.b.test --max-key-lifetime 90d --no-require-expiry --validate-only",
			&pb.CreateTenantRequest{RequestId: zeroID, ValidateOnly: true, Tenant: &pb.Tenant{
				Id: "acme", Hosts: []string{"a.test", "*.b.test"}, KeyPolicy: &pb.KeyPolicy{MaxLifetime: durationpb.New(2160 * time.Hour)},
			}},
			sheetOfTenant,
		},
		{"tenant suspend acme --etag e1", &pb.SuspendTenantRequest{Id: "acme", Etag: "e1"}, sheetOfTenant},
		{"tenant activate acme --validate-only", &pb.ActivateTenantRequest{Id: "acme", ValidateOnly: true}, sheetOfTenant},
		{"tenant delete acme", &pb.DeleteTenantRequest{Id: "acme"}, `Id:           acme
Name:         Acme
State:        ACTIVE
Secrets:      ks_...
Created:      2026-11-01T08:00:00Z
Etag:         e2
Taken along:  2 users, 12 keys, 1 role, 1 API, 3 subscriptions
`},
		{"tenant purge --retention 180d --validate-only", &pb.PurgeDeletedRequest{Retention: durationpb.New(4320 * time.Hour), ValidateOnly: true}, "Tenants:  0\nUsers:    3\nKeys:     14\n"},
		{"tenant purge", &pb.PurgeDeletedRequest{}, "Tenants:  0\nUsers:    3\nKeys:     14\n"},
		{"tenant list --deleted --filter state~=~ACTIVE", &pb.ListTenantsRequest{PageSize: 100, ShowDeleted: true, Filter: "state = ACTIVE"}, `ID    NAME  STATE   SECRETS  HOSTS  CREATED
acme  Acme  ACTIVE  ks_...   -      2026-11-01T08:00:00Z
acme  Acme  ACTIVE  ks_...   -      2026-11-01T08:00:00Z
`},
		{"tenant violations acme --limit 7", &pb.ListPolicyViolationsRequest{Id: "acme", PageSize: 7}, `KEY                             USER  RULE                         WHAT IS WRONG
key_0123456789abcdefghjkmnpqrs  ada   maxLifetime                  must end sooner
key_0123456789abcdefghjkmnpqrs  ada   requiredLabels               lacks team
key_0123456789abcdefghjkmnpqrs  bo    maxLifetime, requiredLabels  two at once
`},
		{"tenant policy acme", &pb.GetTenantRequest{Id: "acme"}, "Max key lifetime:  30d\nExpiry:            required\nRequired labels:   team\n"},
	})
}

// What the flags do not name of a policy stays, and nobody else's change is
// overwritten by it.
func TestAPolicyIsChangedRuleByRule(t *testing.T) {
	update := func(etag string, p *pb.KeyPolicy) *pb.UpdateTenantRequest {
		return &pb.UpdateTenantRequest{Tenant: &pb.Tenant{Id: "acme", KeyPolicy: p}, UpdateMask: mask("key_policy"), Etag: etag, RequestId: zeroID}
	}
	month := durationpb.New(720 * time.Hour)
	speak(t, []spoken{
		{"tenant update acme --max-keys-per-user 20 --allowed-prefix ci --allowed-prefix ac", update("e2", &pb.KeyPolicy{
			MaxLifetime: month, ExpiryRequired: true, RequiredLabels: []string{"team"}, MaxKeysPerUser: 20, AllowedPrefixes: []string{"ci", "ac"},
		}), sheetOfTenant},
		{"tenant update acme --default-key-lifetime 30d --no-require-expiry --clear-required-labels --etag e0", update("e0", &pb.KeyPolicy{
			MaxLifetime: month, DefaultLifetime: month,
		}), sheetOfTenant},
		{"tenant update acme --max-key-lifetime 0s --require-expiry --required-label env", update("e2", &pb.KeyPolicy{
			MaxLifetime: durationpb.New(0), ExpiryRequired: true, RequiredLabels: []string{"env"},
		}), sheetOfTenant},
		{
			"tenant update acme --name Acme~Ltd --secret-prefix= --host a.test --host *.b.test",
			&pb.UpdateTenantRequest{Tenant: &pb.Tenant{Id: "acme", DisplayName: "Acme Ltd", Hosts: []string{"a.test", "*.b.test"}}, UpdateMask: mask("display_name", "secret_prefix", "hosts"), RequestId: zeroID},
			sheetOfTenant,
		},
		{"tenant update acme --clear-hosts --etag e9", &pb.UpdateTenantRequest{Tenant: &pb.Tenant{Id: "acme"}, UpdateMask: mask("hosts"), Etag: "e9", RequestId: zeroID}, sheetOfTenant},
	})
}

func TestNoPolicyIsToldAsSuch(t *testing.T) {
	d := overGRPC(t)
	want(t, "stdout", d.run(t, "tenant", "policy", "acme").out, "Key policy:  none\n")
	wantPart(t, "JSON", d.run(t, "tenant", "policy", "acme", "-o", "json").out, `"expiryRequired": false`)
}

func TestUsersAndRoles(t *testing.T) {
	speak(t, []spoken{
		{
			"user create ada --tenant acme --role developer --role guest --kind service-account --validate-only",
			&pb.CreateUserRequest{User: &pb.User{Id: "ada", TenantId: "acme", Roles: []string{"developer", "guest"}, Kind: pb.User_SERVICE_ACCOUNT}, RequestId: zeroID, ValidateOnly: true},
			sheetOfUser,
		},
		{"user create ada", &pb.CreateUserRequest{User: &pb.User{Id: "ada", Kind: pb.User_PERSON}, RequestId: zeroID}, sheetOfUser},
		{"user get Ada.L_-@x --tenant acme", &pb.GetUserRequest{Id: "Ada.L_-@x", TenantId: "acme"}, sheetOfUser},
		{"user update ada --tenant acme --name= --kind person --role a --role b --etag e1", &pb.UpdateUserRequest{
			User: &pb.User{Id: "ada", TenantId: "acme", Kind: pb.User_PERSON, Roles: []string{"a", "b"}}, UpdateMask: mask("display_name", "kind", "roles"), Etag: "e1", RequestId: zeroID,
		}, sheetOfUser},
		{"user update ada --clear-roles", &pb.UpdateUserRequest{User: &pb.User{Id: "ada"}, UpdateMask: mask("roles"), RequestId: zeroID}, sheetOfUser},
		{"user suspend ada --tenant acme", &pb.SuspendUserRequest{Id: "ada", TenantId: "acme"}, sheetOfUser},
		{"user activate ada", &pb.ActivateUserRequest{Id: "ada"}, sheetOfUser},
		{"user delete ada --tenant acme --cascade --etag e1", &pb.DeleteUserRequest{Id: "ada", TenantId: "acme", Cascade: true, Etag: "e1"}, `Id:           ada
Tenant:       acme
Kind:         PERSON
State:        ACTIVE
Roles:        developer
Last used:    2026-11-20T10:00:00Z
Created:      2026-11-01T08:00:00Z
Etag:         e3
Taken along:  1 key
`},
		{"user list --tenant acme --limit 2", &pb.ListUsersRequest{TenantId: "acme", PageSize: 2}, `ID   TENANT  NAME  KIND    STATE   ROLES      LAST USED             CREATED
ada  acme    -     PERSON  ACTIVE  developer  2026-11-20T10:00:00Z  2026-11-01T08:00:00Z
ada  acme    -     PERSON  ACTIVE  developer  2026-11-20T10:00:00Z  2026-11-01T08:00:00Z
`},
		{"role create billing --tenant acme --name Billing --permission invoices.* --permission orders.read", &pb.CreateRoleRequest{
			Role: &pb.Role{Id: "billing", TenantId: "acme", DisplayName: "Billing", Permissions: []string{"invoices.*", "orders.read"}}, RequestId: zeroID,
		}, sheetOfRole},
		{"role get billing", &pb.GetRoleRequest{Id: "billing"}, sheetOfRole},
		{"role update billing --permission a.b --name X", &pb.UpdateRoleRequest{
			Role: &pb.Role{Id: "billing", DisplayName: "X", Permissions: []string{"a.b"}}, UpdateMask: mask("display_name", "permissions"), RequestId: zeroID,
		}, sheetOfRole},
		{"role update billing --clear-permissions", &pb.UpdateRoleRequest{Role: &pb.Role{Id: "billing"}, UpdateMask: mask("permissions"), RequestId: zeroID}, sheetOfRole},
		{"role delete billing --tenant acme --cascade", &pb.DeleteRoleRequest{Id: "billing", TenantId: "acme", Cascade: true}, "Deleted:     role acme/billing\nTaken from:  2 users\n"},
		{"role list --filter builtIn~=~false", &pb.ListRolesRequest{PageSize: 100, Filter: "builtIn = false"}, `ID       TENANT  NAME     KIND  PERMISSIONS
billing  acme    Billing  own   invoices.*, orders.read
billing  acme    Billing  own   invoices.*, orders.read
`},
	})
}

func TestSubscriptions(t *testing.T) {
	speak(t, []spoken{
		{"subscription create --api acme/orders --user bo --note nightly", &pb.CreateSubscriptionRequest{
			Subscription: &pb.Subscription{UserId: "bo", ApiId: "orders", ApiTenantId: "acme", Note: "nightly"}, RequestId: zeroID,
		}, sheetOfSubscription},
		{"subscription create --tenant beta --api orders --api-tenant acme", &pb.CreateSubscriptionRequest{
			Subscription: &pb.Subscription{TenantId: "beta", ApiId: "orders", ApiTenantId: "acme"}, RequestId: zeroID,
		}, sheetOfSubscription},
		{"subscription get S", &pb.GetSubscriptionRequest{Id: subscriptionID}, sheetOfSubscription},
		{"subscription approve S --plan bronze --expires-in 30d --etag e1", &pb.ApproveSubscriptionRequest{Id: subscriptionID, Plan: new("bronze"), ExpireTime: at("2026-12-24T12:00:00Z"), Etag: "e1", RequestId: zeroID}, sheetOfSubscription},
		{"subscription approve S --plan= --request-id r1", &pb.ApproveSubscriptionRequest{Id: subscriptionID, Plan: new(""), RequestId: "r1"}, sheetOfSubscription},
		{"subscription approve S --expire-time 2027-01-01T00:00:00Z", &pb.ApproveSubscriptionRequest{Id: subscriptionID, ExpireTime: at("2027-01-01T00:00:00Z"), RequestId: zeroID}, sheetOfSubscription},
		{"subscription reject S --reason not~now", &pb.RejectSubscriptionRequest{Id: subscriptionID, Reason: "not now"}, sheetOfSubscription},
		{"subscription pause S --reason too~much", &pb.PauseSubscriptionRequest{Id: subscriptionID, Reason: "too much"}, sheetOfSubscription},
		{"subscription resume S --validate-only", &pb.ResumeSubscriptionRequest{Id: subscriptionID, ValidateOnly: true}, sheetOfSubscription},
		{"subscription update S --note=", &pb.UpdateSubscriptionRequest{Subscription: &pb.Subscription{Id: subscriptionID}, UpdateMask: mask("note"), RequestId: zeroID}, sheetOfSubscription},
		{"subscription delete S --etag e1", &pb.DeleteSubscriptionRequest{Id: subscriptionID, Etag: "e1"}, "Deleted:  subscription sub_0123456789abcdefghjkmnpqrs\n"},
		{"subscription list --tenant beta --user bo --api acme/orders --filter state~=~PENDING --limit 9", &pb.ListSubscriptionsRequest{
			TenantId: "beta", UserId: "bo", ApiTenantId: "acme", ApiId: "orders", Filter: "state = PENDING", PageSize: 9,
		}, `ID                              TENANT  USER  API          STATE   PLAN    EXPIRES               CREATED
sub_0123456789abcdefghjkmnpqrs  beta    bo    acme/orders  PAUSED  bronze  2027-01-01T00:00:00Z  2026-11-01T08:00:00Z
sub_0123456789abcdefghjkmnpqrs  beta    bo    acme/orders  PAUSED  bronze  2027-01-01T00:00:00Z  2026-11-01T08:00:00Z
`},
	})
}

// A page may hold fewer than were asked for and still not be the last.
func TestListsGoOnUntilThereIsNoToken(t *testing.T) {
	d := overGRPC(t)
	d.fake.more = "next"
	r := d.run(t, "role", "list", "--limit", "2", "-o", "json")
	r.wantCode(t, 0)
	wantPart(t, "stdout", r.out, `"nextPageToken": "next"`)
	wantPart(t, "stderr", r.err, "There is more than these 2")
	d.run(t, "role", "list", "--limit", "5").wantCode(t, 1)
}

// A write without a request id whose answer was lost may be given again.
func TestALostAnswerOfAStateChange(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.err = unavailable()
		for _, line := range []string{
			"tenant suspend acme", "user delete ada", "api retire orders", "subscription approve " + subscriptionID, "tenant purge", "key revoke-self",
		} {
			r := d.run(t, strings.Fields(line)...)
			r.wantCode(t, 7)
			wantPart(t, line, r.err, "Whether it took effect is open; ")
		}
		d.fake.asked = nil
		r := d.run(t, "user", "suspend", "ada", "--validate-only")
		wantWithout(t, "stderr of a dry run", r.err, "took effect")
		if len(d.fake.asked) != 1 {
			t.Errorf("asked %d times: a write is never repeated unasked", len(d.fake.asked))
		}
	})
}
