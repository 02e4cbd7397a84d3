package access_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// manyRoutes makes n routes in APIs of ten, on two hosts, and requests that
// belong to them.
func manyRoutes(n int) ([]*storage.API, []access.HTTPCall) {
	var apis []*storage.API
	var calls []access.HTTPCall
	paths := []struct{ pattern, example string }{
		{"/orders", "/orders"}, {"/orders/{id}", "/orders/4711"}, {"/orders/{id}/items", "/orders/4711/items"},
		{"/orders/{id}/items/{item}", "/orders/4711/items/9?x=1"}, {"/orders/open", "/orders/open"},
		{"/customers/{id}", "/customers/0815"}, {"/customers/{id}/files/**", "/customers/0815/files/a/b/c"},
		{"/reports/{year}/{month}", "/reports/2026/11"}, {"/status", "/status"}, {"/search/**", "/search/a"},
	}
	for i := range n {
		if i%10 == 0 {
			apis = append(apis, &storage.API{TenantID: "acme", ID: fmt.Sprintf("api%d", i/10)})
		}
		a, p := apis[len(apis)-1], paths[i%10]
		prefix := fmt.Sprintf("/svc%d", i/10)
		a.Routes = append(a.Routes, storage.Route{Hosts: []string{"api.acme.test", "*.acme.example"}, Methods: []string{"GET", "POST"}, Path: prefix + p.pattern})
		calls = append(calls, access.HTTPCall{Method: "GET", Host: "api.acme.test", Path: prefix + p.example})
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
	// As many requests for any number of routes, so that the processor's caches
	// hold them alike.
	out := make([]access.HTTPCall, 256)
	for i := range out {
		out[i] = calls[i%len(calls)]
	}
	return apis, out
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			apis, calls := manyRoutes(n)
			r := routesOf(b, apis...)
			paths := make([]access.Path, len(calls))
			for i := range calls {
				paths[i] = path(b, calls[i].Path)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				k := i % len(calls)
				if _, ok := r.Match(calls[k].Host, calls[k].Method, paths[k]); !ok {
					b.Fatal("no match")
				}
			}
		})
	}
}

// BenchmarkMatchRequest is the whole way from a request as a proxy tells of it.
func BenchmarkMatchRequest(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			apis, calls := manyRoutes(n)
			r := routesOf(b, apis...)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c := &calls[i%len(calls)]
				host, hostOK := access.ReadHost(c.Host)
				p, pathOK := access.ReadPath(c.Path)
				if _, ok := r.Match(host, c.Method, p); !ok || !hostOK || !pathOK {
					b.Fatal("no match")
				}
			}
		})
	}
}

// BenchmarkMatchWorst is a search that is given up.
func BenchmarkMatchWorst(b *testing.B) {
	a := &storage.API{TenantID: "acme", ID: "o"}
	deep := ""
	for bits := range 1 << 10 {
		p := ""
		for i := range 10 {
			p += [2]string{"/a", fmt.Sprintf("/{v%d}", i)}[bits>>i&1]
		}
		a.Routes = append(a.Routes, storage.Route{Hosts: []string{"*"}, Methods: []string{"GET"}, Path: p + "/end"})
	}
	for range 10 {
		deep += "/a"
	}
	r, p := routesOf(b, a), path(b, deep+"/x")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := r.Match("h", "GET", p); ok {
			b.Fatal("a match")
		}
	}
}

func BenchmarkNewRoutes(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			apis, _ := manyRoutes(n)
			b.ReportAllocs()
			for b.Loop() {
				access.NewRoutes(apis)
			}
		})
	}
}
