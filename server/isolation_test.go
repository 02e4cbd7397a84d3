package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// What is served and what the table speaks of are the same.
func TestIsolationTableIsWhole(t *testing.T) {
	methods, routes := served(), restBindings(t)
	inTable, routed, seen := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, p := range permissions() {
		inTable[p.rpc] = true
		if id := p.rpc + " " + p.about; seen[id] {
			t.Errorf("two rows are called %q", id)
		} else {
			seen[id] = true
		}
		m, ok := methods[p.rpc]
		if !ok {
			t.Errorf("the table has a row for %s, which no service has", p.rpc)
			continue
		}
		if got := p.request(&records{}).ProtoReflect().Descriptor().FullName(); got != m.Input().FullName() {
			t.Errorf("%s %s: the request is a %s", p.rpc, p.about, got)
		}
		for _, name := range p.routes {
			routed[name] = true
			if routes[name].rpc != p.rpc {
				t.Errorf("%s %s: %s leads to %q", p.rpc, p.about, name, routes[name].rpc)
			}
		}
	}
	for name := range methods {
		if !inTable[name] {
			t.Errorf("no row of the table says who may call %s", name)
		}
	}
	for name := range routes {
		if !routed[name] {
			t.Errorf("no row of the table walks over %s", name)
		}
	}
	if len(methods) < 40 || len(routes) < 50 {
		t.Errorf("only %d methods and %d routes were found", len(methods), len(routes))
	}
}

// visitor is a caller of the walk.
type visitor struct {
	name   string
	ref    storage.UserRef
	secret string
	own    string
}

// estate is a house with two tenants; what belongs to acme, and nobody else
// should hear of, has the word tapir in it.
type estate struct {
	*house
	methods  map[string]protoreflect.MethodDescriptor
	routes   map[string]restBinding
	visitors []*visitor
	// outsider is a guest of the other tenant. No column is its own: it must see
	// no more than the other tenant's admin.
	outsider *visitor
	acme     records
}

const tapir = "tapir"

func newEstate(t *testing.T, checkAuth server.CheckAuth) *estate {
	t.Helper()
	e := &estate{house: newHouse(t, houseOptions{checkAuth: checkAuth}), methods: served(), routes: restBindings(t)}
	e.call(200, "POST", "/v1/tenants", e.root, object{"tenant": object{"id": "acme", "displayName": tapir, "hosts": []string{"api.tapir.test"}}})
	e.tenant("beta")
	e.user("acme", "tapir-owner", "developer")
	for _, id := range []string{"tapirs", "tapirs-spare"} {
		e.api("acme", id, object{"displayName": tapir}, "GET /"+id)
	}
	e.api("beta", "books", nil, "GET /books")
	e.call(200, "POST", "/v1/roles", e.root, object{"role": object{"id": "tapir-role", "tenantId": "acme", "displayName": tapir, "permissions": []string{"orders.read"}}})
	for _, id := range []string{tapir, "tapir-plan"} {
		e.plan("acme", id)
	}
	a := records{tenant: "acme", user: "tapir-owner", role: "tapir-role", api: "tapirs", plan: "tapir-plan", spare: "tapirs-spare"}
	a.key, a.secret = e.key("acme", a.user, object{"displayName": tapir, "labels": object{"of": tapir}})
	a.pending = e.subscribe("acme", a.user, "acme", "tapirs")
	for _, s := range []*string{&a.approved, &a.paused} {
		user := "tapir-" + fmt.Sprint(len(a.approved))
		e.user("acme", user, "guest")
		*s = e.subscribe("acme", user, "acme", "tapirs")
		e.call(200, "POST", "/v1/subscriptions/"+*s+":approve", e.root, object{"plan": tapir})
	}
	e.call(200, "POST", "/v1/subscriptions/"+a.paused+":pause", e.root, object{"reason": tapir})
	a.outward = e.subscribe("acme", a.user, "beta", "books")
	a.decision = e.call(200, "POST", "/v1/keys:check", e.root, object{"key": a.secret, "permission": "keystile.keys.create"}).text("decisionId")
	e.acme = a
	e.visitors = []*visitor{{name: "nobody", ref: storage.UserRef{TenantID: "acme", ID: a.user}, own: a.pending}}
	for _, v := range []visitor{
		{name: "guest", ref: storage.UserRef{TenantID: "acme", ID: "guest"}}, {name: "developer", ref: storage.UserRef{TenantID: "acme", ID: "developer"}},
		{name: "other tenant's admin", ref: storage.UserRef{TenantID: "beta", ID: "admin"}}, {name: "admin", ref: storage.UserRef{TenantID: "acme", ID: "admin"}},
		{name: "operator", ref: storage.UserRef{TenantID: "system", ID: "admin"}}, {name: "other tenant's guest", ref: storage.UserRef{TenantID: "beta", ID: "guest"}},
	} {
		if v.secret = e.root; v.ref.TenantID != storage.SystemTenant {
			v.secret = e.member(v.ref.TenantID, v.ref.ID, v.ref.ID)
		}
		v.own = e.subscribe(v.ref.TenantID, v.ref.ID, "acme", "tapirs")
		e.visitors = append(e.visitors, &v)
	}
	e.outsider = e.visitors[6]
	e.visitors = e.visitors[:6]
	return e
}

func (h *house) subscribe(tenant, user, apiTenant, api string) string {
	h.t.Helper()
	return h.call(200, "POST", "/v1/subscriptions", h.root, object{"subscription": object{
		"tenantId": tenant, "userId": user, "apiTenantId": apiTenant, "apiId": api, "note": tapir,
	}}).text("subscription", "id")
}

// about gives the records as one visitor names them.
func about(r records, v *visitor) *records {
	r.self, r.own = v.ref, v.own
	return &r
}

// missing gives names of the same form that lead to nothing, in acme or in no tenant.
func (e *estate) missing(tenant string) records {
	e.t.Helper()
	secret, err := access.NewSecret(cryptoRandom, access.DefaultPrefix)
	if err != nil {
		e.t.Fatal(err)
	}
	none := strings.Repeat("0", 26)
	return records{
		tenant: tenant, user: "nosuch", role: "nosuch", api: "nosuch", plan: "nosuch", spare: "nosuch", key: "key_" + none, secret: secret.Reveal(),
		pending: "sub_" + none, approved: "sub_" + none, paused: "sub_" + none, outward: "sub_" + none, decision: "dec_" + none,
	}
}

// doorReply is what one door told, and should have.
type doorReply struct {
	door string
	reply
	want int
}

// askAll makes the calls of a row at every door, as one visitor about some records.
func (e *estate) askAll(p *permitted, v *visitor, r records, want codes.Code) []doorReply {
	e.t.Helper()
	request := func() (proto.Message, string) {
		secret := v.secret
		if p.throwaway && secret != "" {
			_, secret = e.key(v.ref.TenantID, v.ref.ID, nil)
		}
		return dry(p.request(about(r, v))), secret
	}
	req, secret := request()
	out := []doorReply{{"gRPC", e.byGRPC(e.methods[p.rpc], req, secret), int(want)}}
	for _, name := range p.routes {
		req, secret := request()
		out = append(out, doorReply{name, e.byREST(e.routes[name], req, secret), restStatus(want)})
	}
	return out
}

// leak finds in an answer what belongs to acme alone.
func (e *estate) leak(text string) string {
	a := &e.acme
	for _, private := range []string{tapir, a.tenant, a.key, a.pending, a.approved, a.paused, a.outward, a.secret} {
		if strings.Contains(text, private) {
			return private
		}
	}
	return ""
}

// versions are the etags of acme's records.
func (e *estate) versions() string {
	e.t.Helper()
	var out []string
	for _, path := range []string{
		"tenants/acme", "users/tapir-owner?tenantId=acme", "roles/tapir-role?tenantId=acme", "apis/tapirs?tenantId=acme", "plans/tapir-plan?tenantId=acme", "keys/" + e.acme.key,
		"subscriptions/" + e.acme.pending, "subscriptions/" + e.acme.approved, "subscriptions/" + e.acme.paused, "subscriptions/" + e.acme.outward,
	} {
		for kind, record := range e.call(200, "GET", "/v1/"+path, e.root, nil) {
			out = append(out, kind+" "+object(record.(map[string]any)).text("etag"))
		}
	}
	return strings.Join(out, ", ")
}

// Everybody may do what the table says, at every door, and nothing else; who is
// refused, or is of another tenant, is told nothing that is acme's.
func TestIsolation(t *testing.T) {
	e := newEstate(t, server.CheckAuthKey)
	before := e.versions()
	for _, p := range permissions() {
		for i, v := range e.visitors {
			for _, got := range e.askAll(&p, v, e.acme, p.want[i]) {
				if got.code != got.want {
					t.Errorf("%s %s by %s at %s: %d, want %d: %s", p.rpc, p.about, v.name, got.door, got.code, got.want, got.text)
				}
				foreign := v.ref.TenantID == "beta" && !p.shared
				if found := e.leak(got.text); found != "" && (foreign || p.want[i] != yes) {
					t.Errorf("%s %s tells %s at %s of %q: %s", p.rpc, p.about, v.name, got.door, found, got.text)
				}
			}
		}
	}
	if after := e.versions(); after != before {
		t.Errorf("the walk changed something:\n%s\n%s", before, after)
	}
}

// Who is refused can't find out what exists: the answer about a record, about
// one that is missing and about a tenant that is missing are the same to the byte.
func TestIsolationHidesWhatExists(t *testing.T) {
	e := newEstate(t, server.CheckAuthKey)
	askers := append(slices.Clone(e.visitors[:4]), e.outsider)
	for _, p := range permissions() {
		if p.throwaway || p.about == "one's own" {
			continue
		}
		for _, v := range askers {
			there := e.askAll(&p, v, e.acme, yes)
			if v == e.outsider && there[0].code == int(yes) && p.want[3] != yes {
				t.Errorf("%s %s: %s may, and its admin may not", p.rpc, p.about, v.name)
			}
			if there[0].code == int(yes) && (!p.silent || v.ref.TenantID != "beta") {
				continue
			}
			missing := []records{e.missing("acme")}
			if v.ref.TenantID == "beta" || v.secret == "" {
				missing = append(missing, e.missing("nosuch"))
			}
			for _, r := range missing {
				for i, nowhere := range e.askAll(&p, v, r, yes) {
					if there[i].reply != nowhere.reply {
						t.Errorf("%s %s at %s tells %s that it exists:\n%d %s\nand that it is missing from %s:\n%d %s", p.rpc, p.about, nowhere.door, v.name,
							there[i].code, there[i].text, r.tenant, nowhere.code, nowhere.text)
					}
				}
			}
		}
	}
}

// What a key may do for its own user, its scopes and APIs narrow.
func TestIsolationOfOneself(t *testing.T) {
	e := newEstate(t, server.CheckAuthKey)
	guest := e.visitors[1]
	ask := object{"subscription": object{"userId": "guest", "apiId": "tapirs-spare"}, "validateOnly": true}
	for name, c := range map[string]struct {
		key  object
		want int
	}{
		"without scopes":         {nil, 200},
		"with the scope":         {object{"scopes": []string{"keystile.subscriptions.create", "keystile.subscriptions.read"}}, 200},
		"with others":            {object{"scopes": []string{"orders.read", "*"}}, 403},
		"restricted to the API":  {object{"apis": []string{"tapirs-spare"}}, 403},
		"scoped, and restricted": {object{"apis": []string{"tapirs"}, "scopes": []string{"keystile.*"}}, 403},
	} {
		_, secret := e.key("acme", "guest", c.key)
		if code, raw := e.post("/v1/subscriptions", secret, ask); code != c.want {
			t.Errorf("a key %s asks for its user: %d, want %d: %s", name, code, c.want, raw)
		}
		if code, raw, _ := e.send("GET", "/v1/subscriptions/"+guest.own, secret, nil); code != c.want {
			t.Errorf("a key %s reads its user's subscription: %d, want %d: %s", name, code, c.want, raw)
		}
		who := e.call(200, "GET", "/v1/whoami", secret, nil)
		if who.text("identity", "userId") != "guest" || who.text("identity", "tenantId") != "acme" {
			t.Errorf("a key %s is told that it is %v", name, who)
		}
		id := e.call(200, "POST", "/v1/keys:revokeSelf", secret, nil).text("key", "id")
		if id != who.text("identity", "keyId") {
			t.Errorf("a key %s revoked %s", name, id)
		}
		e.call(401, "GET", "/v1/whoami", secret, nil)
	}
	e.call(200, "GET", "/v1/whoami", guest.secret, nil)
}

// Where everybody may ask the check doors, nobody may do anything else.
func TestIsolationWithOpenCheckDoors(t *testing.T) {
	e := newEstate(t, server.CheckAuthNone)
	for _, p := range permissions() {
		want := whom
		if p.rpc == "KeyService.CheckKey" || p.rpc == "KeyService.CheckKeys" {
			want = yes
		}
		for _, got := range e.askAll(&p, e.visitors[0], e.acme, want) {
			if got.code != got.want {
				t.Errorf("%s %s by nobody at %s: %d, want %d: %s", p.rpc, p.about, got.door, got.code, got.want, got.text)
			}
		}
	}
}

// A refusal is seen by the key's tenant; what the API's tenant sees of it is
// what was decided about its API, and not whose key it was.
func TestIsolationOfRefusals(t *testing.T) {
	e := newEstate(t, server.CheckAuthNone)
	e.tenant("gamma")
	other, admin, third := e.visitors[3].secret, e.visitors[4].secret, e.member("gamma", "admin", "admin")
	refusal := func(secret string) object {
		t.Helper()
		out := e.call(200, "POST", "/v1/keys:check", "", object{"key": secret, "apiId": "books", "apiTenantId": "beta", "clientIp": "203.0.113.99"})
		return object{"decisionId": out.text("decisionId")}
	}
	pending := refusal(e.acme.secret)
	if got := e.call(200, "POST", "/v1/keys:explain", admin, pending); got.text("past", "keyId") != e.acme.key || got.text("past", "reason") != "SUBSCRIPTION_PENDING" {
		t.Errorf("the key's tenant sees %v", got)
	}
	seen := e.call(200, "POST", "/v1/keys:explain", other, pending)
	if seen.text("past", "reason") != "SUBSCRIPTION_PENDING" || seen.text("past", "apiId") != "books" || seen.at("verdict") != nil {
		t.Errorf("the API's tenant sees %v", seen)
	}
	if text := fmt.Sprint(seen); strings.Contains(text, tapir) || strings.Contains(text, e.acme.key) || strings.Contains(text, "203.0.113.99") {
		t.Errorf("the API's tenant sees whose key it was: %s", text)
	}
	e.fails(404, "a third tenant explains it", third, "POST /v1/keys:explain", pending)
	// What was wrong with the key itself is its own tenant's business.
	id, secret := e.key("acme", "tapir-owner", nil)
	e.call(200, "POST", "/v1/keys/"+id+":revoke", e.root, object{"note": tapir})
	revoked := refusal(secret)
	e.fails(404, "the API's tenant explains a revoked key", other, "POST /v1/keys:explain", revoked)
	e.fails(200, "its own tenant does", admin, "POST /v1/keys:explain", revoked)
}
