package rest_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// chunked sends a body without a Content-Length.
func (w *world) chunked(target, body string) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.http.URL+target, struct{ *strings.Reader }{strings.NewReader(body)})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.send(r)
}

func TestOversizedBodies(t *testing.T) {
	w := newWorld(t)
	long := `{"key":"` + strings.Repeat("x", 1<<20) + `"}`
	w.refused(http.StatusRequestEntityTooLarge, "", "POST", "/v1/keys:check", long)
	// Without a Content-Length, it is found out while reading.
	w.problem(w.chunked("/v1/keys:check", long), http.StatusRequestEntityTooLarge)
	w.none()
	w.ok("POST", "/v1/keys:check", `{"key":"`+strings.Repeat("x", 1<<20-10)+`"}`)
	w.one()
	w.refused(http.StatusUnsupportedMediaType, "", "POST", "/v1/keys:check", "{}", "Content-Encoding: gzip")
}

// imported is the body of an import of n keys, each with a label.
func imported(n int, note, last string) string {
	one := `{"digest":"` + strings.Repeat("a", 64) + `","userId":"ada","labels":{"note":"` + note + `"}},`
	return `{"keys":[` + strings.Repeat(one, n-1) + last + `]}`
}

func TestImportsMayBeLonger(t *testing.T) {
	w := newWorld(t)
	body := imported(10000, strings.Repeat("{", 400), `{"userId":"last"}`)
	if len(body) < 3<<20 {
		t.Fatalf("the body has only %d bytes", len(body))
	}
	arrived := func(got reply) {
		t.Helper()
		if got.status != http.StatusOK {
			t.Fatalf("got %d %.200s", got.status, got.body)
		}
		keys := w.one().request.(*keystilev1.ImportKeysRequest).GetKeys()
		if len(keys) != 10000 || keys[9999].GetUserId() != "last" {
			t.Fatalf("%d keys arrived", len(keys))
		}
	}
	arrived(w.do("POST", "/v1/keys:import", body))
	arrived(w.chunked("/v1/keys:import", body))
	w.refused(http.StatusRequestEntityTooLarge, "", "POST", "/v1/keys:batchCheck", body)
	long := `{"tenantId":"` + strings.Repeat("x", 8<<20) + `"}`
	w.refused(http.StatusRequestEntityTooLarge, "", "POST", "/v1/keys:import", long)
	w.problem(w.chunked("/v1/keys:import", long), http.StatusRequestEntityTooLarge)
	w.none()
}

// A body of objects that are nearly nothing must not become as many messages.
func TestBodiesOfTooManyObjects(t *testing.T) {
	w := newWorld(t)
	for target, list := range map[string]string{"/v1/keys:import": "keys", "/v1/keys:batchCheck": "checks"} {
		full := func(n int) string { return `{"` + list + `":[` + strings.Repeat("{},", n-2) + `{}]}` }
		w.ok("POST", target, full(1<<15))
		w.one()
		w.refused(400, "body", "POST", target, full(1<<15+1))
	}
	// Braces in a text count for nothing, whatever is escaped around them.
	w.ok("POST", "/v1/keys:check", `{"key":"\\\"`+strings.Repeat("{", 1<<16)+`\\"}`)
	w.one()
}

// The fault is found in a long list as it is in a short one.
func TestFaultsInLongLists(t *testing.T) {
	w := newWorld(t)
	for _, at := range []int{1, 2, 3, 17, 4095, 4096, 9999} {
		head := strings.TrimSuffix(imported(at+1, "x", ""), "]}")
		body := head + `{"expireTime":"ks_SECRET"},{"expireTime":"ks_SECRET"}]}`
		w.refused(400, "keys["+strconv.Itoa(at)+"].expireTime", "POST", "/v1/keys:import", body)
	}
	body := `{"keys":[{"scopes":[` + strings.Repeat(`"",`, 1<<19) + `7]}]}`
	w.refused(400, "keys[0].scopes["+strconv.Itoa(1<<19)+"]", "POST", "/v1/keys:import", body)
}
