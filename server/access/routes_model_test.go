package access_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// The model tries all routes one after the other, on the texts they were
// written in. It knows nothing of trees.

// winner is a route that the model found.
type winner struct {
	api   *storage.API
	index int
	rank  []int
	// narrow is rank without the method and the slash.
	narrow []int
	tie    bool
}

func (w *winner) is(o *winner) bool {
	return w == nil && o == nil || w != nil && o != nil && w.api == o.api && w.index == o.index && w.tie == o.tie
}

func (w *winner) permission(method string) string {
	if p := w.api.Routes[w.index].Permission; p != "" {
		return p
	}
	if method == "GET" || method == "HEAD" || method == "OPTIONS" {
		return w.api.ID + ".read"
	}
	return w.api.ID + ".write"
}

// ranked compares a pattern with a path, both with their slashes, and says how
// specific each segment of it is.
func ranked(pattern, path string) ([]int, bool) {
	var rank []int
	want, have := strings.Split(pattern[1:], "/"), strings.Split(path[1:], "/")
	if path == "" {
		have = nil
	}
	for i, w := range want {
		switch {
		case w == "**":
			return append(rank, 2), true
		case i >= len(have):
			return nil, false
		case strings.HasPrefix(w, "{") && have[i] != "":
			rank = append(rank, 1)
		case w == have[i]:
			rank = append(rank, 0)
		default:
			return nil, false
		}
	}
	return rank, len(want) == len(have)
}

// best tries every route on one reading of a path.
func best(apis []*storage.API, host, method, path string) *winner {
	var found *winner
	for _, a := range apis {
		for i, r := range a.Routes {
			rank, ok := ranked(r.Path, path)
			if !ok {
				continue
			}
			for _, h := range r.Hosts {
				if h != "*" && !access.HostCovers(h, host) {
					continue
				}
				for _, m := range r.Methods {
					if m != method && m != "*" {
						continue
					}
					hostRank := map[bool]int{true: 0, false: 1000 - len(h)}[!strings.HasPrefix(h, "*")]
					methodRank := map[bool]int{true: 0, false: 1}[m == method]
					w := &winner{api: a, index: i, narrow: append([]int{hostRank}, kinds(r.Path)...)}
					w.rank = append(append([]int{hostRank}, rank...), 0, methodRank)
					// A path that ends before /** ends in what is more specific.
					if !strings.HasSuffix(r.Path, "/**") {
						w.rank = append(append([]int{hostRank}, rank...), -1, methodRank)
					}
					c := -1
					if found != nil {
						c = slices.Compare(w.rank, found.rank)
					}
					if c == 0 {
						found.tie = true
					} else if c < 0 {
						found = w
					}
				}
			}
		}
	}
	return found
}

// kinds says how specific each segment of a pattern is, and its end.
func kinds(pattern string) []int {
	var out []int
	for p := range strings.SplitSeq(strings.TrimSuffix(pattern, "/")+"/", "/") {
		switch {
		case p == "**":
			return append(out, 2)
		case strings.HasPrefix(p, "{"):
			out = append(out, 1)
		case p != "":
			out = append(out, 0)
		}
	}
	return append(out, -1)
}

// cuts gives all the readings in which some segments lose their parameters.
func cuts(path string) []string {
	out := []string{""}
	for s := range strings.SplitSeq(path[1:], "/") {
		bare, _, has := strings.Cut(s, ";")
		for i, n := 0, len(out); i < n; i++ {
			if has {
				out = append(out, out[i]+"/"+bare)
			}
			out[i] += "/" + s
		}
	}
	return out
}

func model(apis []*storage.API, host, method, path string) *winner {
	found := best(apis, host, method, path)
	if found == nil {
		return nil
	}
	for _, reading := range cuts(path) {
		if !best(apis, host, method, reading).is(found) {
			return nil
		}
	}
	if path != "/" {
		toggled, had := strings.CutSuffix(path, "/")
		if !had {
			toggled += "/"
		}
		other := best(apis, host, method, toggled)
		differ, narrower, agree := false, false, true
		for _, reading := range cuts(toggled) {
			o := best(apis, host, method, reading)
			differ = differ || !o.is(other)
			if o != nil && slices.Compare(o.narrow, found.narrow) < 0 {
				narrower = true
				agree = agree && !o.tie && o.api == found.api && o.permission(method) == found.permission(method)
			}
		}
		if narrower && (differ || !agree) {
			return nil
		}
	}
	if found.tie {
		return nil
	}
	return found
}

func drawAPIs(t *rapid.T) []*storage.API {
	drawRoute := func(id string) storage.Route {
		path := ""
		for i := range rapid.IntRange(0, 3).Draw(t, "depth") {
			path += "/" + rapid.SampledFrom([]string{"a", "a", "b", "{x" + string(rune('0'+i)) + "}"}).Draw(t, "segment")
		}
		path += rapid.SampledFrom([]string{"", "", "/", "/**"}).Draw(t, "tail")
		if path == "" {
			path = "/"
		}
		return storage.Route{
			Hosts:      rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"*", "*.test", "*.a.test", "a.test", "b.a.test"}), 1, 2, rapid.ID).Draw(t, "hosts"),
			Methods:    rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"*", "GET", "PUT"}), 1, 2, rapid.ID).Draw(t, "methods"),
			Path:       path,
			Permission: rapid.SampledFrom([]string{"", "", id + ".read", id + ".admin"}).Draw(t, "permission"),
		}
	}
	var out []*storage.API
	for _, id := range []string{"o", "p"} {
		a := &storage.API{TenantID: "acme", ID: id}
		for range rapid.IntRange(0, 6).Draw(t, "routes") {
			a.Routes = append(a.Routes, drawRoute(id))
		}
		out = append(out, a)
	}
	return out
}

func drawCall(t *rapid.T) (host, method, path string) {
	host = rapid.SampledFrom([]string{"", "a.test", "b.a.test", "c.b.a.test", "test", "x.test", "other"}).Draw(t, "host")
	method = rapid.SampledFrom([]string{"GET", "PUT", "POST"}).Draw(t, "method")
	for range rapid.IntRange(0, 4).Draw(t, "depth") {
		path += "/" + rapid.SampledFrom([]string{"a", "a", "b", "b", "c", "a;v", "b;", "c;a"}).Draw(t, "segment")
	}
	if path == "" || rapid.IntRange(0, 3).Draw(t, "slash") == 0 {
		path += "/"
	}
	return host, method, path
}

func TestMatchAgreesWithTryingEveryRoute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		apis := drawAPIs(t)
		r, _ := access.NewRoutes(apis)
		for range 8 {
			host, method, raw := drawCall(t)
			p, ok := access.ReadPath(raw)
			if !ok {
				t.Fatalf("%q is refused", raw)
			}
			want := model(apis, host, method, raw)
			m, ok := r.Match(host, method, p)
			if ok != (want != nil) || ok && (m.API != want.api || m.RouteIndex != want.index || m.Permission != want.permission(method)) {
				t.Fatalf("%s %s%s: got %s, want %+v", method, host, raw, told(m, ok), want)
			}
			if ok {
				checkMatch(t, m, host, method, p)
			}
		}
	})
}

// checkMatch holds a match against the route it names.
func checkMatch(t interface{ Errorf(string, ...any) }, m access.Match, host, method string, p access.Path) {
	r := m.API.Routes[m.RouteIndex]
	named := slices.ContainsFunc(r.Hosts, func(h string) bool { return h == "*" || access.HostCovers(h, host) })
	takes := slices.Contains(r.Methods, method) || slices.Contains(r.Methods, "*")
	if !named || !takes || m.Pattern != r.Path || !access.ValidRoutePermission(m.API.ID, m.Permission) {
		t.Errorf("%s %s%s matches %+v as %+v", method, host, p, r, m)
	}
	// The pattern with its variables filled in is the path, or where it begins.
	text := m.Pattern
	for _, v := range m.Params {
		if v.Value == "" || strings.Contains(v.Value, "/") {
			t.Errorf("%s: the value of %s is %q", p, v.Name, v.Value)
		}
		text = strings.Replace(text, "{"+v.Name+"}", v.Value, 1)
	}
	if head, rest := strings.CutSuffix(text, "/**"); rest {
		if p.String() != head && !strings.HasPrefix(p.String(), head+"/") {
			t.Errorf("%s matches %s", p, m.Pattern)
		}
	} else if q, ok := access.ReadPath(m.Pattern); len(m.Params) == 0 && (!ok || p != q) || len(m.Params) > 0 && !strings.Contains(text, "%") && text != p.String() {
		t.Errorf("%s matches %s, filled in as %s", p, m.Pattern, text)
	}
}

// Neither the order of the APIs nor that of the routes changes anything.
func TestOrderMakesNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		apis := drawAPIs(t)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var shuffled []*storage.API
		for _, a := range apis {
			c := *a
			c.Routes = slices.Clone(a.Routes)
			random.Shuffle(len(c.Routes), func(i, j int) { c.Routes[i], c.Routes[j] = c.Routes[j], c.Routes[i] })
			shuffled = append(shuffled, &c)
		}
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		one, faults := access.NewRoutes(apis)
		two, others := access.NewRoutes(shuffled)
		// A route's tie names one of those it ties with, whichever comes first.
		if len(faults) != len(others) || !slices.IsSortedFunc(others, func(a, b access.RouteFault) int {
			return cmp.Or(strings.Compare(a.API.ID, b.API.ID), a.Route-b.Route)
		}) {
			t.Fatalf("faults %v, and shuffled %v", faults, others)
		}
		for range 8 {
			host, method, raw := drawCall(t)
			p, _ := access.ReadPath(raw)
			a, okA := one.Match(host, method, p)
			b, okB := two.Match(host, method, p)
			same := okA == okB && a.Pattern == b.Pattern && a.Permission == b.Permission && slices.Equal(a.Params, b.Params)
			if !same || okA && a.API.ID != b.API.ID {
				t.Fatalf("%s %s%s: %s, and shuffled %s", method, host, raw, told(a, okA), told(b, okB))
			}
		}
	})
}

// FuzzRoutes looks for records that panic, and for matches that their own route
// does not name.
func FuzzRoutes(f *testing.F) {
	f.Add("a.test", "GET", "/orders/{id}", "", "*", "*", "/**", "o.x", "a.test:80", "GET", "/orders/7?x")
	f.Add("*.test", "PUT", "/a/{b}/", "o.y", "*.test", "PUT", "/a/{c}/", "", "b.test", "PUT", "/a/b;c/")
	f.Add("A.test", "get", "/%2e", "p.x", "", "", "", "keystile.x", "", "", "//")
	f.Add("*", "*", "/a/**", "", "*", "GET", "/a", "o.list", "[::1]", "GET", "/a/")
	f.Fuzz(func(t *testing.T, host1, method1, path1, permission1, host2, method2, path2, permission2, host, method, raw string) {
		apis := []*storage.API{
			{TenantID: "acme", ID: "o", Routes: []storage.Route{{Hosts: strings.Split(host1, ","), Methods: strings.Split(method1, ","), Path: path1, Permission: permission1}}},
			{TenantID: "acme", ID: "p", Routes: []storage.Route{{Hosts: []string{host2}, Methods: []string{method2}, Path: path2, Permission: permission2}}},
		}
		r, faults := access.NewRoutes(apis)
		for _, fault := range faults {
			if strings.ContainsAny(fault.String(), "\r\n") || fault.Problem == "" {
				t.Errorf("a fault of more than a line: %q", fault)
			}
		}
		name, hostOK := access.ReadHost(host)
		p, pathOK := access.ReadPath(raw)
		if !hostOK || !pathOK {
			return
		}
		m, ok := r.Match(name, method, p)
		if !ok {
			return
		}
		checkMatch(t, m, name, method, p)
		for _, fault := range faults {
			if fault.API == m.API.Ref() && fault.Route == m.RouteIndex && !strings.HasPrefix(fault.Problem, "ties") {
				t.Errorf("a faulty route matches: %v", fault)
			}
		}
	})
}
