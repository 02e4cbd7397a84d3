package client_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

func TestAPIs(t *testing.T) {
	speak(t, []spoken{
		{
			"api create orders --tenant acme --name Orders --visibility public --subscription-required --allow-preflight --route GET,HEAD~api.acme.test,*.acme.test~/orders/{id}~orders.read --route *~*~/orders/**",
			&pb.CreateApiRequest{RequestId: zeroID, Api: &pb.Api{
				Id: "orders", TenantId: "acme", DisplayName: "Orders", Visibility: pb.Api_PUBLIC, SubscriptionRequired: true, AllowPreflight: true,
				Routes: []*pb.Route{
					{Methods: []string{"GET", "HEAD"}, Hosts: []string{"api.acme.test", "*.acme.test"}, Path: "/orders/{id}", Permission: "orders.read"},
					{Methods: []string{"*"}, Hosts: []string{"*"}, Path: "/orders/**"},
				},
			}},
			sheetOfAPI,
		},
		{"api get orders --tenant acme", &pb.GetApiRequest{Id: "orders", TenantId: "acme"}, sheetOfAPI},
		{"api update orders --no-subscription-required --visibility private --name= --etag e1", &pb.UpdateApiRequest{
			Api: &pb.Api{Id: "orders", Visibility: pb.Api_PRIVATE}, UpdateMask: mask("display_name", "visibility", "subscription_required"), Etag: "e1", RequestId: zeroID,
		}, sheetOfAPI},
		{"api update orders --route GET~*~/a", &pb.UpdateApiRequest{
			Api: &pb.Api{Id: "orders", Routes: []*pb.Route{{Methods: []string{"GET"}, Hosts: []string{"*"}, Path: "/a"}}}, UpdateMask: mask("routes"), RequestId: zeroID,
		}, sheetOfAPI},
		{"api update orders --no-allow-preflight", &pb.UpdateApiRequest{Api: &pb.Api{Id: "orders"}, UpdateMask: mask("allow_preflight"), RequestId: zeroID}, sheetOfAPI},
		{"api update orders --allow-preflight", &pb.UpdateApiRequest{
			Api: &pb.Api{Id: "orders", AllowPreflight: true}, UpdateMask: mask("allow_preflight"), RequestId: zeroID,
		}, sheetOfAPI},
		{"api update orders --clear-routes", &pb.UpdateApiRequest{Api: &pb.Api{Id: "orders"}, UpdateMask: mask("routes"), RequestId: zeroID}, sheetOfAPI},
		{"api deprecate orders --tenant acme --sunset 2027-06-30T00:00:00Z", &pb.DeprecateApiRequest{Id: "orders", TenantId: "acme", SunsetTime: at("2027-06-30T00:00:00Z")}, sheetOfAPI},
		{"api deprecate orders", &pb.DeprecateApiRequest{Id: "orders"}, sheetOfAPI},
		{"api retire orders --etag e1", &pb.RetireApiRequest{Id: "orders", Etag: "e1"}, sheetOfAPI},
		{"api delete orders --cascade", &pb.DeleteApiRequest{Id: "orders", Cascade: true}, "Deleted:      API orders\nTaken along:  1 subscription\n"},
		{"api list --tenant acme --limit 3", &pb.ListApisRequest{TenantId: "acme", PageSize: 3}, `ID      TENANT  NAME    VISIBILITY  STATE       SUBSCRIPTION  ROUTES  SUNSET
orders  acme    Orders  PRIVATE     DEPRECATED  required      2       2027-06-30T00:00:00Z
orders  acme    Orders  PRIVATE     DEPRECATED  required      2       2027-06-30T00:00:00Z
`},
	})
}

// What get prints can be edited and given back: the etag guards it, and what the
// server sets is left out.
func TestAnAPIGoesRoundThroughAFile(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		got := d.run(t, "api", "get", "orders", "-o", "json")
		got.wantCode(t, 0)
		name := filepath.Join(t.TempDir(), "orders.json")
		if err := os.WriteFile(name, []byte(got.out), 0o600); err != nil {
			t.Fatal(err)
		}
		d.run(t, "api", "update", "--file", name).wantCode(t, 0)
		whole := &pb.Api{
			Id: "orders", TenantId: "acme", DisplayName: "Orders", Visibility: pb.Api_PRIVATE, SubscriptionRequired: true, AllowPreflight: true, Routes: exampleAPI().GetRoutes(),
		}
		asked(t, d, &pb.UpdateApiRequest{Api: whole, UpdateMask: mask("display_name", "visibility", "subscription_required", "allow_preflight", "routes", "rate_limits", "quotas"), Etag: "e5", RequestId: zeroID})

		d.run(t, "api", "update", "--file", name, "--name", "New", "--etag", "e0", "--tenant", "beta").wantCode(t, 0)
		whole.DisplayName, whole.TenantId = "New", "beta"
		asked(t, d, &pb.UpdateApiRequest{Api: whole, UpdateMask: mask("display_name", "visibility", "subscription_required", "allow_preflight", "routes", "rate_limits", "quotas"), Etag: "e0", RequestId: zeroID})

		d.run(t, "api", "create", "copy", "--file", name, "--no-subscription-required", "--no-allow-preflight").wantCode(t, 0)
		whole.DisplayName, whole.TenantId, whole.Id = "Orders", "acme", "copy"
		whole.SubscriptionRequired, whole.AllowPreflight = false, false
		asked(t, d, &pb.CreateApiRequest{Api: whole, RequestId: zeroID})
	})
}

// asked compares with what the server was asked last.
func asked(t *testing.T, d *door, expected proto.Message) {
	t.Helper()
	if !proto.Equal(expected, d.fake.last()) {
		t.Errorf("asked\n     %v\nwant %v", d.fake.last(), expected)
	}
}

func TestAFileOfAnAPI(t *testing.T) {
	d := overGRPC(t)
	d.stdin = `{"id": "orders", "display_name": "X"}`
	d.run(t, "api", "update", "--file", "-").wantCode(t, 0)
	asked(t, d, &pb.UpdateApiRequest{Api: &pb.Api{Id: "orders", DisplayName: "X"}, UpdateMask: mask("display_name"), RequestId: zeroID})
	// What a file closes is closed, in either spelling.
	for _, name := range []string{"allow_preflight", "allowPreflight"} {
		d.stdin = `{"id": "orders", "` + name + `": false}`
		d.run(t, "api", "update", "--file", "-").wantCode(t, 0)
		asked(t, d, &pb.UpdateApiRequest{Api: &pb.Api{Id: "orders"}, UpdateMask: mask("allow_preflight"), RequestId: zeroID})
	}
	before := len(d.fake.asked)
	for _, text := range []string{
		"", "[]", "nonsense", `{"id": 1}`, `{"id": "x", "nonsense": 1}`, `{"api": 1}`, `{"displayName": "no id"}`, `{"id": "x"}`, `{"id":"x","id":"y"}`, strings.Repeat(" ", 5<<20),
	} {
		d.stdin = text
		if r := d.run(t, "api", "update", "--file", "-"); r.code != 2 {
			t.Errorf("%.40q: exit code %d, want 2: %s", text, r.code, r.err)
		}
	}
	for _, line := range []string{
		"api create", "api create --route GET~*~/a", "api update", "api update orders", "api create x --file no-such-file.json",
		"api create x --file a.json --route GET~*~/a", "api update x --clear-routes --route GET~*~/a",
		"api create x --route GET", "api create x --route GET~*", "api create x --route GET~*~a", "api create x --route GET~*~/a~b~c", "api create x --visibility hidden",
	} {
		args := strings.Fields(line)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "~", " ")
		}
		if r := d.run(t, args...); r.code != 2 {
			t.Errorf("%s: exit code %d, want 2: %s", line, r.code, r.err)
		}
	}
	if len(d.fake.asked) != before {
		t.Errorf("the server was asked %v", d.fake.asked[before:])
	}
}
