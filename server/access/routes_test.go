package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// api makes an API from lines such as "a.test,*.b.test GET,POST /x/{y} x.read".
func api(id string, lines ...string) *storage.API {
	a := &storage.API{TenantID: "acme", ID: id}
	for _, line := range lines {
		f := append(strings.Fields(line), "")
		a.Routes = append(a.Routes, storage.Route{
			Hosts: strings.Split(f[0], ","), Methods: strings.Split(f[1], ","), Path: f[2], Permission: f[3],
		})
	}
	return a
}

func routesOf(t testing.TB, apis ...*storage.API) *access.Routes {
	t.Helper()
	r, faults := access.NewRoutes(apis)
	if len(faults) > 0 {
		t.Fatalf("%v", faults)
	}
	return r
}

func path(t testing.TB, raw string) access.Path {
	t.Helper()
	p, ok := access.ReadPath(raw)
	if !ok {
		t.Fatalf("%q is refused", raw)
	}
	return p
}

// told writes a match as "api 3 /pattern permission name=value".
func told(m access.Match, ok bool) string {
	if !ok {
		return "nothing"
	}
	text := fmt.Sprintf("%s %d %s %s", m.API.ID, m.RouteIndex, m.Pattern, m.Permission)
	for _, p := range m.Params {
		text += " " + p.Name + "=" + p.Value
	}
	return text
}

// expecter gives a function that asks for "METHOD host/path".
func expecter(t *testing.T, r *access.Routes) func(call, want string) {
	return func(call, want string) {
		t.Helper()
		method, target, _ := strings.Cut(call, " ")
		host, rest, _ := strings.Cut(target, "/")
		if got := told(r.Match(host, method, path(t, "/"+rest))); got != want {
			t.Errorf("%s: got %q, want %q", call, got, want)
		}
	}
}

func TestMatchTakesTheMostSpecificPath(t *testing.T) {
	expect := expecter(t, routesOf(t, api("o",
		"* GET /**",
		"* GET /orders/**",
		"* GET /orders/{id}",
		"* GET /orders/open",
		"* GET /orders/{id}/items/{item}",
		"* GET /orders/open/items/**",
		"* GET /{top}/report",
		"* GET /caf%C3%A9/",
	)))
	expect("GET h/", "o 0 /** o.read")
	expect("GET h/x", "o 0 /** o.read")
	expect("GET h/x/y/z", "o 0 /** o.read")
	expect("GET h/orders", "o 1 /orders/** o.read")
	expect("GET h/orders/", "o 1 /orders/** o.read")
	expect("GET h/orders/7", "o 2 /orders/{id} o.read id=7")
	expect("GET h/orders/7?a=/orders/open", "o 2 /orders/{id} o.read id=7")
	expect("GET h/orders/open", "o 3 /orders/open o.read")
	expect("GET h/orders/%6Fpen", "o 3 /orders/open o.read")
	expect("GET h/orders/OPEN", "o 2 /orders/{id} o.read id=OPEN")
	expect("GET h/orders/7/items/9", "o 4 /orders/{id}/items/{item} o.read id=7 item=9")
	expect("GET h/orders/a%20b/items/%C3%A9", "o 4 /orders/{id}/items/{item} o.read id=a b item=\u00e9")
	expect("GET h/orders/open/items/9", "o 5 /orders/open/items/** o.read")
	expect("GET h/orders/7/other", "o 1 /orders/** o.read")
	expect("GET h/orders/report", "o 2 /orders/{id} o.read id=report")
	expect("GET h/x/report", "o 6 /{top}/report o.read top=x")
	expect("GET h/caf\u00e9/", "o 7 /caf%C3%A9/ o.read")
}

func TestAVariableIsOneSegmentThatIsNotEmpty(t *testing.T) {
	expect := expecter(t, routesOf(t, api("o", "* GET /orders/{id}", "* GET /x/{y}/")))
	expect("GET h/orders/7", "o 0 /orders/{id} o.read id=7")
	expect("GET h/orders", "nothing")
	expect("GET h/orders/", "nothing")
	expect("GET h/orders/7/8", "nothing")
	expect("GET h/orders/7/", "nothing")
	expect("GET h/x/1/", "o 1 /x/{y}/ o.read y=1")
	expect("GET h/x/1", "nothing")
	expect("GET h/x/", "nothing")
	expect("GET h/", "nothing")
}

func TestMatchTakesTheMostSpecificHost(t *testing.T) {
	expect := expecter(t, routesOf(t,
		api("any", "* GET /**", "* GET /a/b"),
		api("short", "*.test GET /**"),
		api("long", "*.acme.test GET /**"),
		api("exact", "api.acme.test GET /a"),
	))
	expect("GET api.acme.test/a", "exact 0 /a exact.read")
	expect("GET api.acme.test/a/b", "long 0 /** long.read")
	expect("GET x.acme.test/a", "long 0 /** long.read")
	expect("GET y.x.acme.test/a", "long 0 /** long.read")
	expect("GET acme.test/a/b", "short 0 /** short.read")
	expect("GET xacme.test/a", "short 0 /** short.read")
	expect("GET test/a/b", "any 1 /a/b any.read")
	expect("GET other/a", "any 0 /** any.read")
	expect("GET [::1]/a", "any 0 /** any.read")
	expect("GET /a", "any 0 /** any.read")
}

func TestAHostThatIsNotKnownIsTakenByTheStarAlone(t *testing.T) {
	r := routesOf(t, api("o", "a.test,*.b.test GET /**"))
	expecter(t, r)("GET /a", "nothing")
}

func TestMatchLooksOnForTheMethod(t *testing.T) {
	expect := expecter(t, routesOf(t, api("o",
		"* * /orders/{id}",
		"* GET,HEAD /orders/{id}",
		"* PUT /orders/open",
		"* DELETE /**",
		"* POST /orders/**",
		"a.test PATCH /orders/open",
	)))
	expect("GET h/orders/7", "o 1 /orders/{id} o.read id=7")
	expect("POST h/orders/7", "o 0 /orders/{id} o.write id=7")
	expect("OPTIONS h/orders/7", "o 0 /orders/{id} o.read id=7")
	expect("PUT h/orders/open", "o 2 /orders/open o.write")
	expect("GET h/orders/open", "o 1 /orders/{id} o.read id=open")
	expect("DELETE h/orders/open", "o 0 /orders/{id} o.write id=open")
	expect("DELETE h/x", "o 3 /** o.write")
	expect("POST h/orders/7/x", "o 4 /orders/** o.write")
	expect("GET h/x", "nothing")
	expect("PATCH a.test/orders/open", "o 5 /orders/open o.write")
	expect("PUT a.test/orders/open", "o 2 /orders/open o.write")
	expect("get h/orders/7", "nothing")
	expect("* h/orders/7", "nothing")
	expect(" h/orders/7", "nothing")
}

func TestPermissions(t *testing.T) {
	expect := expecter(t, routesOf(t, api("o", "* * /a", "* * /b o.special", "* * /c/{d} o.x.y")))
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		expect(method+" h/a", "o 0 /a o.read")
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "TRACE", "QUERY"} {
		expect(method+" h/a", "o 0 /a o.write")
	}
	expect("GET h/b", "o 1 /b o.special")
	expect("POST h/c/1", "o 2 /c/{d} o.x.y d=1")
}

// Where an upstream could see another route than the one that matches, and that
// one takes another permission, nothing matches.
func TestReadingsThatDisagree(t *testing.T) {
	expect := expecter(t, routesOf(t, api("o",
		"* GET /orders/{id}",
		"* GET /orders/admin o.admin",
		"* GET /same/**",
		"* GET /same/admin/{x}",
		"* GET /both o.one",
		"* GET /both/ o.two",
		"* GET /late/**",
		"* GET /late/admin/ o.admin",
		"* GET /list o.list",
		"* GET /list/**",
		"* GET /v/{x}/",
	), api("p", "* GET /orders/{id}/x/**")))

	expect("GET h/orders/7;v=1", "o 0 /orders/{id} o.read id=7;v=1")
	expect("GET h/orders/admin", "o 1 /orders/admin o.admin")
	expect("GET h/orders/admin;", "nothing")
	expect("GET h/orders/admin;x", "nothing")
	expect("GET h/orders/admin%3Bx", "nothing")
	expect("GET h/orders;x/admin", "nothing")
	expect("GET h/orders/ad;min", "o 0 /orders/{id} o.read id=ad;min")
	expect("GET h/same/x;y/z", "o 2 /same/** o.read")
	expect("GET h/same/admin;y/z", "nothing")
	expect("GET h/same/admin;y/z/", "nothing")
	expect("GET h/same/x;y/z/", "o 2 /same/** o.read")

	expect("GET h/same/admin/1/", "o 2 /same/** o.read")
	expect("GET h/both", "o 4 /both o.one")
	expect("GET h/both/", "o 5 /both/ o.two")
	expect("GET h/late/x", "o 6 /late/** o.read")
	expect("GET h/late/admin", "nothing")
	expect("GET h/late/admin/", "o 7 /late/admin/ o.admin")
	expect("GET h/list", "o 8 /list o.list")
	expect("GET h/list/", "nothing")
	expect("GET h/list/x", "o 9 /list/** o.read")
	expect("GET h/list/x/", "o 9 /list/** o.read")
	expect("GET h/orders/7/x/", "p 0 /orders/{id}/x/** p.read id=7")
	expect("GET h/v/1/", "o 10 /v/{x}/ o.read x=1")
}

func TestZeroMatchesNothing(t *testing.T) {
	everything := routesOf(t, api("o", "* * /**"))
	for name, got := range map[string]string{
		"nil routes":      told((*access.Routes)(nil).Match("h", "GET", path(t, "/"))),
		"zero routes":     told((&access.Routes{}).Match("h", "GET", path(t, "/"))),
		"no routes":       told(routesOf(t).Match("h", "GET", path(t, "/"))),
		"nil API":         told(routesOf(t, nil).Match("h", "GET", path(t, "/"))),
		"zero path":       told(everything.Match("h", "GET", access.Path{})),
		"no method":       told(everything.Match("h", "", path(t, "/"))),
		"everything else": told(everything.Match("h", "GET", path(t, "/"))),
	} {
		if want := map[bool]string{true: "o 0 /** o.read", false: "nothing"}[name == "everything else"]; got != want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// Patterns that lie across each other at each segment are walked through only
// so far, and then nothing matches.
func TestTheSearchIsBounded(t *testing.T) {
	crossing := func(prefix string, depth int) *storage.API {
		a := api("o", "* GET /**")
		for bits := range 1 << depth {
			p := prefix
			for i := range depth {
				p += [2]string{"/a", fmt.Sprintf("/{v%d}", i)}[bits>>i&1]
			}
			a.Routes = append(a.Routes, storage.Route{Hosts: []string{"*"}, Methods: []string{"GET"}, Path: p + "/end"})
		}
		return a
	}
	expecter(t, routesOf(t, crossing("/p", 5)))("GET h/p"+strings.Repeat("/a", 5)+"/x", "o 0 /** o.read")
	deep := expecter(t, routesOf(t, crossing("/p", 10)))
	deep("GET h/p"+strings.Repeat("/a", 10)+"/x", "nothing")
	deep("GET h/p"+strings.Repeat("/a", 10)+"/end", "o 1 /p"+strings.Repeat("/a", 10)+"/end o.read")
	deep("GET h/b", "o 0 /** o.read")
	expecter(t, routesOf(t, crossing("/{p}", 10)))("GET h/p"+strings.Repeat("/a", 10)+"/x", "nothing")
	// All readings of a path share one bound.
	shared := expecter(t, routesOf(t, crossing("/p", 9)))
	shared("GET h/p"+strings.Repeat("/a", 9)+"/x", "o 0 /** o.read")
	shared("GET h/p"+strings.Repeat("/a", 9)+"/x/", "nothing")
	shared("GET h/p"+strings.Repeat("/a", 9)+"/x;y", "nothing")
}

func TestMatchDoesNotAllocate(t *testing.T) {
	r := routesOf(t, api("o", "a.test GET /orders/open", "*.test POST /orders/**", "* GET /orders/{id}"))
	open, seven := path(t, "/orders/open"), path(t, "/orders/7")
	if n := testing.AllocsPerRun(100, func() { r.Match("a.test", "GET", open); r.Match("b.test", "POST", seven) }); n != 0 {
		t.Errorf("without variables: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { r.Match("h", "GET", seven) }); n != 1 {
		t.Errorf("with a variable: %v allocations, want one", n)
	}
	if n := testing.AllocsPerRun(100, func() { access.ReadPath("/orders/7?x"); access.ReadHost("a.test:80") }); n != 0 {
		t.Errorf("reading: %v allocations", n)
	}
}

func faultsOf(apis ...*storage.API) []string {
	_, faults := access.NewRoutes(apis)
	var out []string
	for _, f := range faults {
		out = append(out, f.API.ID+" "+f.Path())
	}
	return out
}

func TestRouteFaults(t *testing.T) {
	finds := func(a *storage.API, want ...string) {
		t.Helper()
		if got := faultsOf(a); !slices.Equal(got, want) {
			t.Errorf("%v: got %q, want %q", a.Routes, got, want)
		}
	}
	route := func(r storage.Route) *storage.API {
		return &storage.API{TenantID: "acme", ID: "o", Routes: []storage.Route{r}}
	}
	finds(api("o", "* * /** o.x"))
	finds(route(storage.Route{}), "o routes[0].hosts", "o routes[0].methods", "o routes[0].path")
	finds(api("o", "a.test,b..test,*,*. GET /"), "o routes[0].hosts[1]", "o routes[0].hosts[3]")
	finds(api("o", "A.test,b.test.,c.test:80 GET /"), "o routes[0].hosts[0]", "o routes[0].hosts[1]", "o routes[0].hosts[2]")
	finds(api("o", "a.test,a.test GET /"), "o routes[0].hosts[1]")
	finds(api("o", "* GET,get,*,**,GET /"), "o routes[0].methods[1]", "o routes[0].methods[3]", "o routes[0].methods[4]")
	finds(api("o", "* GET orders"), "o routes[0].path")
	finds(api("o", "* GET / o"), "o routes[0].permission")
	finds(api("o", "* GET / o."), "o routes[0].permission")
	finds(api("o", "* GET / o.*"), "o routes[0].permission")
	finds(api("o", "* GET / *"), "o routes[0].permission")
	finds(api("o", "* GET / orders.read"), "o routes[0].permission")
	finds(api("o", "* GET / keystile.keys.read"), "o routes[0].permission")
	finds(api("keystile", "* GET /", "* GET /a keystile.keys.read"), "keystile id", "keystile routes[1].permission")
	finds(api("Orders\n", "* GET /"), "Orders\n id")
	finds(api("o", "* GET /", "bad,* get / x"), "o routes[1].methods[0]", "o routes[1].permission")

	many := storage.Route{Hosts: []string{"*"}, Methods: []string{"GET"}, Path: "/"}
	for i := range 40 {
		many.Hosts = append(many.Hosts, fmt.Sprintf("h%d", i))
		many.Methods = append(many.Methods, fmt.Sprintf("M%d", i))
	}
	finds(route(many), "o routes[0].hosts", "o routes[0].methods")
}

func TestRoutesThatTie(t *testing.T) {
	ties := func(a, b string, want bool) {
		t.Helper()
		for _, apis := range [][]*storage.API{{api("o", a, b)}, {api("o", a), api("p", b)}, {api("p", b), api("o", a)}} {
			got := faultsOf(apis...)
			if n := len(got); (n == 2) != want || n != 0 && n != 2 {
				t.Errorf("%s and %s: got %q, want a tie: %t", a, b, got, want)
			}
		}
	}
	ties("* GET /a", "* GET /a", true)
	ties("* GET /a/{b}", "* GET /a/{c}", true)
	ties("* GET /caf%C3%A9", "* GET /caf\u00e9", true)
	ties("* * /a", "* * /a", true)
	ties("* GET,PUT /a/**", "* PUT,PATCH /a/**", true)
	ties("a.test,b.test GET /a", "c.test,b.test GET /a", true)
	ties("* GET /a", "* * /a", false)
	ties("* GET /a", "* PUT /a", false)
	ties("* GET /a", "* GET /a/", false)
	ties("* GET /a", "* GET /a/**", false)
	ties("* GET /{a}", "* GET /a", false)
	ties("a.test GET /a", "*.test GET /a", false)
	ties("a.test GET /a", "* GET /a", false)

	_, faults := access.NewRoutes([]*storage.API{api("p", "* GET /a/{b}"), api("o", "* GET /x", "* GET /a/{c}")})
	want := []string{
		"API o: routes[1].path ties with route 0 of API p: the same host, path and method, variables' names aside",
		"API p: routes[0].path ties with route 1 of API o: the same host, path and method, variables' names aside",
	}
	_, bad := access.NewRoutes([]*storage.API{api("A\nB")})
	faults = append(faults, bad...)
	want = append(want, `API "A\nB": id must match [a-z][a-z0-9_-]{0,62}, and not begin with keystile`)
	if len(faults) != len(want) {
		t.Fatalf("%v", faults)
	}
	for i, f := range faults {
		if f.String() != want[i] {
			t.Errorf("got %q, want %q", f, want[i])
		}
	}
}

// What is stored in spite of a fault lets nothing through, and nothing that is
// less specific takes its place.
func TestFaultyRoutesAreClosed(t *testing.T) {
	r, faults := access.NewRoutes([]*storage.API{
		api("o", "* * /**",
			"* GET /bad/permission other.read",
			"A.TEST GET /bad/host",
			"*,a..b GET /bad/hosts",
			"* PUT,get /bad/methods",
			"* GET /tie/{x}",
			"* GET no/path",
			"* GET /twice", "* GET /twice",
		),
		api("p", "* GET,PUT /tie/{y} p.special"),
		api("keystile", "* GET /reserved"),
	})
	if len(faults) != 10 {
		t.Errorf("%d faults: %v", len(faults), faults)
	}
	expect := expecter(t, r)
	expect("GET h/bad/permission", "nothing")
	expect("PUT h/bad/permission", "o 0 /** o.write")
	expect("GET a.test/bad/host", "nothing")
	expect("GET b.test/bad/host", "o 0 /** o.read")
	expect("GET h/bad/hosts", "nothing")
	expect("PUT h/bad/methods", "nothing")
	expect("GET h/tie/1", "nothing")
	expect("PUT h/tie/1", "p 0 /tie/{y} p.special y=1")
	expect("GET h/twice", "nothing")
	expect("GET h/twice/", "nothing")
	expect("GET h/twice/x", "o 0 /** o.read")
	expect("GET h/no/path", "o 0 /** o.read")
	expect("GET h/reserved", "nothing")
}

// A record can't unfold into a thousand times its size.
func TestAnAPIIsBounded(t *testing.T) {
	hosts := make([]string, access.MaxRouteHosts)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("h%d", i)
	}
	a := api("o")
	for i := range 100 {
		a.Routes = append(a.Routes, storage.Route{Hosts: hosts, Methods: []string{"GET"}, Path: fmt.Sprintf("/r%d%s", i, strings.Repeat("/a", 30))})
	}
	r, faults := access.NewRoutes([]*storage.API{a})
	if len(faults) != 68 || faults[0].Path() != "routes[32].hosts" {
		t.Errorf("%d faults, the first %v", len(faults), faults[0])
	}
	a.Routes = a.Routes[:32]
	other := *a
	other.ID = "p"
	other.Routes = slices.Clone(a.Routes)
	for i := range other.Routes {
		other.Routes[i].Path = fmt.Sprintf("/p%d%s", i, strings.Repeat("/a", 30))
	}
	if _, faults := access.NewRoutes([]*storage.API{a, &other}); len(faults) > 0 {
		t.Errorf("the bound is not each API's own: %v", faults[0])
	}
	if _, ok := r.Match("h1", "GET", path(t, a.Routes[31].Path)); !ok {
		t.Error("a route within the bound does not match")
	}
	if _, ok := r.Match("h1", "GET", path(t, "/r32"+strings.Repeat("/a", 30))); ok {
		t.Error("a route beyond the bound matches")
	}
}
