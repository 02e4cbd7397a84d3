package client_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/keystile/keystile/cmd/keystile/client"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

func someLimits() ([]*pb.RateLimit, []*pb.Quota) {
	return []*pb.RateLimit{
			{Name: "m", Requests: 10, Period: durationpb.New(time.Minute), Burst: 20, Exact: true},
			{Name: "d", Requests: 5, Period: durationpb.New(24 * time.Hour)},
		}, []*pb.Quota{
			{Name: "q", Limit: 100, Period: pb.Quota_DAY, TimeZone: "Europe/Berlin", Refill: pb.Quota_ADD},
			{Name: "all", Limit: 9, Period: pb.Quota_TOTAL},
		}
}

const limitFlags = " --rate-limit m=10/60s,burst=20,exact --rate-limit d=5/1d --quota q=100/day,zone=Europe/Berlin,refill=add --quota all=9/TOTAL"

func examplePlan() *pb.Plan {
	rates, quotas := someLimits()
	// As the server writes out what was left out.
	rates[1].Burst, quotas[1].Refill = 5, pb.Quota_REPLACE
	return &pb.Plan{Id: "gold", TenantId: "acme", DisplayName: "Gold", RateLimits: rates, Quotas: quotas, Etag: "e7", CreateTime: at("2026-11-01T08:00:00Z")}
}

const sheetOfPlan = `Id:           gold
Tenant:       acme
Name:         Gold
Rate limits:  m=10/1m,burst=20,exact
              d=5/1d
Quotas:       q=100/DAY,zone=Europe/Berlin,refill=ADD
              all=9/TOTAL
Created:      2026-11-01T08:00:00Z
Etag:         e7
`

func TestPlans(t *testing.T) {
	rates, quotas := someLimits()
	speak(t, []spoken{
		{"plan create gold --tenant acme --name Gold" + limitFlags, &pb.CreatePlanRequest{
			Plan: &pb.Plan{Id: "gold", TenantId: "acme", DisplayName: "Gold", RateLimits: rates, Quotas: quotas}, RequestId: zeroID,
		}, sheetOfPlan},
		{"plan create gold --validate-only", &pb.CreatePlanRequest{Plan: &pb.Plan{Id: "gold"}, RequestId: zeroID, ValidateOnly: true}, sheetOfPlan},
		{"plan get gold --tenant acme", &pb.GetPlanRequest{Id: "gold", TenantId: "acme"}, sheetOfPlan},
		{"plan update gold --name= --etag e6" + limitFlags, &pb.UpdatePlanRequest{
			Plan: &pb.Plan{Id: "gold", RateLimits: rates, Quotas: quotas}, UpdateMask: mask("display_name", "rate_limits", "quotas"), Etag: "e6", RequestId: zeroID,
		}, sheetOfPlan},
		{"plan update gold --clear-rate-limits", &pb.UpdatePlanRequest{Plan: &pb.Plan{Id: "gold"}, UpdateMask: mask("rate_limits"), RequestId: zeroID}, sheetOfPlan},
		{"plan update gold --clear-quotas", &pb.UpdatePlanRequest{Plan: &pb.Plan{Id: "gold"}, UpdateMask: mask("quotas"), RequestId: zeroID}, sheetOfPlan},
		{"plan delete gold --tenant acme --etag e6", &pb.DeletePlanRequest{Id: "gold", TenantId: "acme", Etag: "e6"}, "Deleted:  plan acme/gold\n"},
		{"plan list --tenant acme --filter rateLimits.name:m", &pb.ListPlansRequest{TenantId: "acme", PageSize: 100, Filter: "rateLimits.name:m"},
			`ID    TENANT  NAME  LIMITS
gold  acme    Gold  m=10/1m,burst=20,exact d=5/1d q=100/DAY,zone=Europe/Berlin,refill=ADD all=9/TOTAL
none  acme    -     -
`},
	})
}

// Every record that bears limits takes the same flags.
func TestLimitsOfRecords(t *testing.T) {
	rates, quotas := someLimits()
	speak(t, []spoken{
		{"user create ada" + limitFlags, &pb.CreateUserRequest{
			User: &pb.User{Id: "ada", Kind: pb.User_PERSON, RateLimits: rates, Quotas: quotas}, RequestId: zeroID,
		}, sheetOfUser},
		{"user update ada" + limitFlags, &pb.UpdateUserRequest{
			User: &pb.User{Id: "ada", RateLimits: rates, Quotas: quotas}, UpdateMask: mask("rate_limits", "quotas"), RequestId: zeroID,
		}, sheetOfUser},
		{"user update ada --clear-quotas", &pb.UpdateUserRequest{User: &pb.User{Id: "ada"}, UpdateMask: mask("quotas"), RequestId: zeroID}, sheetOfUser},
		{"tenant create acme" + limitFlags, &pb.CreateTenantRequest{
			Tenant: &pb.Tenant{Id: "acme", RateLimits: rates, Quotas: quotas}, RequestId: zeroID,
		}, sheetOfTenant},
		{"tenant update acme --clear-rate-limits --quota q=100/DAY,zone=Europe/Berlin,refill=ADD", &pb.UpdateTenantRequest{
			Tenant: &pb.Tenant{Id: "acme", Quotas: quotas[:1]}, UpdateMask: mask("rate_limits", "quotas"), RequestId: zeroID,
		}, sheetOfTenant},
		{"api create orders" + limitFlags, &pb.CreateApiRequest{
			Api: &pb.Api{Id: "orders", RateLimits: rates, Quotas: quotas}, RequestId: zeroID,
		}, sheetOfAPI},
		{"api update orders" + limitFlags, &pb.UpdateApiRequest{
			Api: &pb.Api{Id: "orders", RateLimits: rates, Quotas: quotas}, UpdateMask: mask("rate_limits", "quotas"), RequestId: zeroID,
		}, sheetOfAPI},
		{"api update orders --clear-rate-limits --clear-quotas", &pb.UpdateApiRequest{
			Api: &pb.Api{Id: "orders"}, UpdateMask: mask("rate_limits", "quotas"), RequestId: zeroID,
		}, sheetOfAPI},
	})
}

func TestLimitsOfKeys(t *testing.T) {
	rates, quotas := someLimits()
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.manage = &pb.ManageKeyResponse{Key: exampleKey(), Secret: newSecret}
		d.run(t, strings.Fields("key create --user ada"+limitFlags)...).wantCode(t, 0)
		made, ok := d.fake.last().(*pb.ManageKeyRequest)
		if want := (&pb.Key{UserId: "ada", RateLimits: rates, Quotas: quotas}); !ok || !proto.Equal(made.GetCreate().GetKey(), want) {
			t.Errorf("key create asked %v", d.fake.last())
		}
		d.run(t, strings.Fields("key update "+keyID+" --clear-quotas --rate-limit m=10/60s,exact,burst=20 --rate-limit d=5/24h")...).wantCode(t, 0)
		made, ok = d.fake.last().(*pb.ManageKeyRequest)
		if want := (&pb.Key{Id: keyID, RateLimits: rates}); !ok || !proto.Equal(made.GetUpdate().GetKey(), want) ||
			!proto.Equal(made.GetUpdate().GetUpdateMask(), mask("rate_limits", "quotas")) {
			t.Errorf("key update asked %v", d.fake.last())
		}
	})
}

func TestLimitFlags(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "m", "m=", "m=10", "m=10/", "m=ten/60s", "=10/60s", "m=10/60", "m=10/60s,", "m=10/60s,burst", "m=10/60s,burst=x", "m=10/60s,exact,exact",
		"m=10/60s,exact=yes", "m=10/60s,burst=1,burst=2", "m=10/60s,zone=UTC", "m=9999999999/1s",
	} {
		if err := new(client.RateLimit).UnmarshalText([]byte(bad)); err == nil || !strings.Contains(err.Error(), "NAME=REQUESTS/PERIOD") {
			t.Errorf("rate limit %q: got %v", bad, err)
		}
	}
	for _, bad := range []string{
		"", "q", "q=100", "q=100/", "q=100/WEEK", "q=100/PERIOD_UNSPECIFIED", "=1/DAY", "q=x/DAY", "q=1/DAY,zone", "q=1/DAY,zone=", "q=1/DAY,refill=LEND",
		"q=1/DAY,refill=ADD,refill=ADD", "q=1/DAY,zone=UTC,zone=UTC", "q=1/DAY,exact", "q=1/DAY,",
	} {
		if err := new(client.Quota).UnmarshalText([]byte(bad)); err == nil || !strings.Contains(err.Error(), "NAME=LIMIT/") {
			t.Errorf("quota %q: got %v", bad, err)
		}
	}
}

func standing() []*pb.LimitState {
	return []*pb.LimitState{
		{Name: "m", Subject: pb.LimitState_KEY, Kind: pb.LimitState_RATE, Limit: 20, Remaining: 7, Requests: 10, Period: durationpb.New(time.Minute), Reset_: durationpb.New(78 * time.Second)},
		{Name: "q", Subject: pb.LimitState_USER, Kind: pb.LimitState_QUOTA, Limit: 100, Remaining: 0, Degraded: true},
	}
}

const standingText = `NAME  ON    KIND   LEFT  OF                     RESET  NOTE
m     KEY   RATE   7     10 a 1m0s, 20 at once  1m18s  -
q     USER  QUOTA  0     100                    -      as this replica last knew: what replicas share is out of reach
`

func TestLimitsAsTheyStand(t *testing.T) {
	speak(t, []spoken{
		{"key limits " + keyID, &pb.GetKeyLimitsRequest{Id: keyID}, standingText},
		{"key reset-limits " + keyID, &pb.ResetKeyLimitsRequest{Id: keyID, RequestId: zeroID}, standingText},
		{"key grant-credits " + keyID + " --quota q --credits 500 --note invoice --request-id once", &pb.GrantKeyCreditsRequest{
			Id: keyID, Quota: "q", Credits: 500, Note: "invoice", RequestId: "once",
		}, "NAME  ON    KIND   LEFT  OF   RESET  NOTE\nq     USER  QUOTA  0     100  -      as this replica last knew: what replicas share is out of reach\n"},
	})
}
