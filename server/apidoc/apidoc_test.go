package apidoc_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keystile/keystile/server/apidoc"
)

func get(t *testing.T, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	h := apidoc.Handler()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w
}

func TestPages(t *testing.T) {
	for path, kind := range map[string]string{
		"/openapi.json": "application/json", "/docs": "text/html; charset=utf-8", "/docs/": "text/html; charset=utf-8",
		"/docs/page.js": "text/javascript; charset=utf-8", "/docs/page.css": "text/css; charset=utf-8",
		"/docs/swagger-ui.css": "text/css; charset=utf-8", "/docs/swagger-ui-bundle.js": "application/javascript", "/docs/favicon-32x32.png": "image/png",
	} {
		w := get(t, "GET", path)
		if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Body.Len() == 0 || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got %d %v", path, w.Code, w.Header())
		}
		if w := get(t, "HEAD", path); w.Code != 200 {
			t.Errorf("HEAD %s: got %d", path, w.Code)
		}
		if w := get(t, "POST", path); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: got %d", path, w.Code)
		}
	}
	for _, path := range []string{"/", "/docs/oauth2-redirect.html", "/docs/x", "/docs/../openapi.json", "/openapi.yaml", "/docs/page"} {
		if w := get(t, "GET", path); w.Code != 404 {
			t.Errorf("%s: got %d, want 404", path, w.Code)
		}
	}
	if w := get(t, "GET", "/docs/?proxy=http://x.example"); strings.Contains(w.Body.String(), "x.example") {
		t.Error("the query shows in the page")
	}
}

// Nothing that the browser loads comes from elsewhere: the policy names no host,
// and neither do the page, its script, or a style sheet.
func TestNothingFromElsewhere(t *testing.T) {
	csp := get(t, "GET", "/docs").Header().Get("Content-Security-Policy")
	for directive := range strings.SplitSeq(csp, "; ") {
		name, sources, _ := strings.Cut(directive, " ")
		for source := range strings.FieldsSeq(sources) {
			if source != "'none'" && source != "'self'" && (name != "img-src" || source != "data:") {
				t.Errorf("the policy lets in %s for %s", source, name)
			}
		}
	}
	if !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; ") {
		t.Errorf("got the policy %q", csp)
	}
	for _, path := range []string{"/docs", "/docs/page.js", "/docs/page.css", "/openapi.json"} {
		if text := get(t, "GET", path).Body.String(); regexp.MustCompile(`(https?:)?//[a-z]`).MatchString(text) {
			t.Errorf("%s names another host", path)
		}
	}
	if css := get(t, "GET", "/docs/swagger-ui.css").Body.String(); regexp.MustCompile(`@import|url\(["']?(?:https?:|//)`).MatchString(css) {
		t.Error("the style sheet loads from elsewhere")
	}
	page := get(t, "GET", "/docs").Body.String()
	links := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 5 {
		t.Fatalf("found only %d links", len(links))
	}
	for _, link := range links {
		if w := get(t, "GET", link[1]); w.Code != 200 {
			t.Errorf("%s: got %d", link[1], w.Code)
		}
	}
	if regexp.MustCompile(`<script>|<style|\son[a-z]+=|\sstyle=`).MatchString(page) {
		t.Error("the page has something inside that the policy forbids")
	}
}

type operation struct {
	OperationID string `json:"operationId"`
	Parameters  []struct {
		Name, In string
		Required bool
		Schema   struct{ Type, Format string }
	}
	RequestBody *struct {
		Required bool
		Content  map[string]struct {
			Example  json.RawMessage
			Examples map[string]struct{ Value json.RawMessage }
		}
	} `json:"requestBody"`
	Responses map[string]json.RawMessage
}

// bodies are the operation's examples, and an empty one where that will do.
func (o *operation) bodies() []string {
	if o.RequestBody == nil {
		return []string{""}
	}
	var all []string
	if !o.RequestBody.Required {
		all = append(all, "")
	}
	media := o.RequestBody.Content["application/json"]
	if media.Example != nil {
		all = append(all, string(media.Example))
	}
	for _, e := range media.Examples {
		all = append(all, string(e.Value))
	}
	return all
}

func operations(t *testing.T) map[string]operation {
	t.Helper()
	var doc struct {
		OpenAPI string `json:"openapi"`
		Info    struct {
			Title, Version string
			License        struct{ Name string }
		}
		Paths      map[string]map[string]operation
		Components struct {
			SecuritySchemes map[string]struct{ Type, Scheme string } `json:"securitySchemes"`
		}
	}
	if err := json.Unmarshal(get(t, "GET", "/openapi.json").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.0.3" || doc.Info.Title != "Keystile" || doc.Info.Version != "v1" || doc.Info.License.Name != "Apache-2.0" ||
		doc.Components.SecuritySchemes["bearer"].Scheme != "bearer" {
		t.Errorf("got %+v", doc)
	}
	all := map[string]operation{}
	for path, item := range doc.Paths {
		for verb, op := range item {
			all[strings.ToUpper(verb)+" "+path] = op
		}
	}
	return all
}

// TestDocumentIsHTTPYAML holds the document against the map that the server's
// routes are made from.
func TestDocumentIsHTTPYAML(t *testing.T) {
	text, err := os.ReadFile("../../api/keystile/v1/http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^\s*(?:- )?(get|post|patch|put|delete): (\S+)$`).FindAllStringSubmatch(string(text), -1) {
		want = append(want, strings.ToUpper(m[1])+" "+regexp.MustCompile(`\{[a-z.]*?([a-z]+)\}`).ReplaceAllString(m[2], "{$1}"))
	}
	var got []string
	for call := range operations(t) {
		got = append(got, call)
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(got) == 0 || !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOperations(t *testing.T) {
	all := operations(t)
	for call, op := range all {
		method, path, _ := strings.Cut(call, " ")
		var query []string
		for _, p := range op.Parameters {
			if strings.ContainsAny(p.Name, "._") {
				t.Errorf("%s: the parameter %s is no name for a client", call, p.Name)
			}
			if p.In == "query" {
				query = append(query, p.Name)
			} else if !p.Required || !strings.Contains(path, "{"+p.Name+"}") {
				t.Errorf("%s: the parameter %s is not in the path", call, p.Name)
			}
		}
		if (method == http.MethodPost || method == http.MethodPatch) && (len(query) > 0 || op.RequestBody == nil) {
			t.Errorf("%s: query %v, body %v", call, query, op.RequestBody)
		}
		for _, code := range []string{"200", "400", "401", "403", "429", "503"} {
			if op.Responses[code] == nil {
				t.Errorf("%s: no answer for %s", call, code)
			}
		}
	}
	for call, want := range map[string]string{
		"DELETE /v1/keys/{id}":                  "etag requestId validateOnly waitForPropagation",
		"DELETE /v1/users/{id}":                 "tenantId etag cascade validateOnly waitForPropagation",
		"GET /v1/users/{id}":                    "tenantId",
		"GET /v1/users":                         "tenantId pageSize pageToken filter showDeleted",
		"GET /v1/tenants/{id}:policyViolations": "pageSize pageToken",
		"GET /v1/subscriptions":                 "tenantId userId apiTenantId apiId pageSize pageToken filter",
		"GET /v1/whoami":                        "",
	} {
		var query []string
		for _, p := range all[call].Parameters {
			if p.In == "query" {
				query = append(query, p.Name)
			}
		}
		if got := strings.Join(query, " "); got != want {
			t.Errorf("%s: query %q, want %q", call, got, want)
		}
	}
}
