package gateway

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// arrived reads a request as net/http does, from its text without the last lines.
func arrived(t testing.TB, text string) *Question {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "127.0.0.1:4711"
	q := QuestionOf(r)
	return &q
}

// written is what a gateway gets for a reply.
func written(call *Call, r *Reply, names *Names) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	var a HTTPAnswer
	AnswerHTTP(&a, call, r, names)
	a.Write(w)
	return w
}

func TestReadExtAuthz(t *testing.T) {
	r := arrived(t, "DELETE /ext-authz/orders/../a%2fb//c?key=%zz&tenant=beta HTTP/1.1\nHost: api.acme.test\nX-API-Key: "+one+
		"\nX-Forwarded-Uri: /other\nX-Original-Uri: /other\nX-Forwarded-Method: GET\nX-Forwarded-Host: other.test")
	call, err := ReadExtAuthz(r, &Options{})
	want := access.HTTPCall{Method: "DELETE", Host: "api.acme.test", Path: "/orders/../a%2fb//c?key=%zz&tenant=beta"}
	if err != nil || call.HTTP != want || call.Binding != (Binding{Cost: 1}) || call.Secret.Reveal() != one {
		t.Errorf("got %+v and %v, want %+v", call, err, want)
	}
	for target, path := range map[string]string{"/ext-authz": "", "/ext-authz*": "*", "/ext-authz?a=b": "?a=b", "/ext-authz//": "//", "/ext-authz/ext-authz/x": "/ext-authz/x"} {
		call, err := ReadExtAuthz(arrived(t, "GET "+target+" HTTP/1.1\nHost: a.test"), &Options{})
		if err != nil || call.HTTP.Path != path {
			t.Errorf("%s: got %q and %v, want %q", target, call.HTTP.Path, err, path)
		}
	}
}

func TestReadForwardAuth(t *testing.T) {
	const own = "\nX-Forwarded-Method: PUT\nX-Forwarded-Host: api.acme.test\nX-Forwarded-Uri: /orders/7?x=%zz"
	call, err := ReadForwardAuth(arrived(t, "GET /forward-auth?tenant=acme HTTP/1.1\nHost: keystile\nX-Original-URI: /other\nX-Original-Method: GET\nAuthorization: Bearer "+one+own), &Options{})
	want := access.HTTPCall{Method: "PUT", Host: "api.acme.test", Path: "/orders/7?x=%zz"}
	if err != nil || call.HTTP != want || call.Binding.Tenant != "acme" || call.Secret.Reveal() != one {
		t.Errorf("got %+v and %v, want %+v", call, err, want)
	}
	for _, missing := range []string{"X-Forwarded-Method: PUT", "X-Forwarded-Host: api.acme.test", "X-Forwarded-Uri: /orders/7?x=%zz"} {
		text := "GET /forward-auth HTTP/1.1\nHost: keystile\nX-Original-Uri: /x\nX-Original-Method: GET" + strings.Replace(own, "\n"+missing, "", 1)
		if _, err := ReadForwardAuth(arrived(t, text), &Options{}); !errors.Is(err, ErrMisconfigured) {
			t.Errorf("without %s: got %v", missing, err)
		}
	}
	for _, twice := range []string{"X-Forwarded-Method: GET", "X-Forwarded-Host: other.test", "X-Forwarded-Uri: /other"} {
		call, err := ReadForwardAuth(arrived(t, "GET /forward-auth HTTP/1.1\nHost: keystile"+own+"\n"+twice), &Options{})
		if aim := access.NewAim("", storage.APIRef{}, &call.HTTP); err != nil || !aim.Malformed {
			t.Errorf("%s twice: got %+v and %v", twice, call.HTTP, err)
		}
	}
}

func TestReadAuthRequest(t *testing.T) {
	const own = "\nX-Original-Method: PUT\nX-Original-URI: /orders/7"
	call, err := ReadAuthRequest(arrived(t, "GET /auth-request?permission=orders.read&limit_status=403 HTTP/1.1\nHost: api.acme.test\nX-Forwarded-Uri: /other\nX-Forwarded-Host: other.test"+own), &Options{})
	want := access.HTTPCall{Method: "PUT", Host: "api.acme.test", Path: "/orders/7", Unrouted: true}
	if err != nil || call.HTTP != want || !call.Binding.RefuseLimitsAs403 {
		t.Errorf("got %+v and %v, want %+v", call, err, want)
	}
	for _, missing := range []string{"X-Original-Method: PUT", "X-Original-URI: /orders/7"} {
		text := "GET /auth-request HTTP/1.1\nHost: a.test\nX-Forwarded-Uri: /x\nX-Forwarded-Method: GET\nX-Original-URL: /x" + strings.Replace(own, "\n"+missing, "", 1)
		if _, err := ReadAuthRequest(arrived(t, text), &Options{}); !errors.Is(err, ErrMisconfigured) {
			t.Errorf("without %s: got %v", missing, err)
		}
	}
	if _, err := ReadAuthRequest(arrived(t, "GET /auth-request?tenat=acme HTTP/1.1\nHost: a.test"+own), &Options{}); !errors.Is(err, ErrMisconfigured) {
		t.Errorf("an unknown argument: got %v", err)
	}
}

func TestReadHTTPClient(t *testing.T) {
	o := Options{TrustedProxies: networks("127.0.0.0/8"), CredentialQuery: "api_key", CredentialCookie: "key"}
	call, err := ReadForwardAuth(arrived(t, "GET /forward-auth HTTP/1.1\nHost: keystile\nX-Forwarded-Method: OPTIONS\nX-Forwarded-Host: a.test\nX-Forwarded-Uri: /a?api_key="+one+
		"\nCookie: key="+one+"\nX-Forwarded-For: 10.0.0.1, 203.0.113.7\nOrigin: https://app.test\nAccess-Control-Request-Method: GET"), &o)
	if err != nil || call.Secret.Reveal() != one || !call.Carriers.Has(InQuery) || !call.Carriers.Has(InCookie) || call.ClientIP.String() != "203.0.113.7" || call.HTTP.Preflight != "GET" {
		t.Errorf("got %+v and %v", call, err)
	}
	off, err := ReadForwardAuth(arrived(t, "GET /forward-auth?api=orders HTTP/1.1\nHost: keystile\nX-Forwarded-Method: GET\nX-Forwarded-Host: a.test\nX-Forwarded-Uri: /a?api_key="+one+"\nCookie: key="+one), &Options{})
	if err != nil || off.Secret.Form() != access.Missing {
		t.Errorf("a query or cookie is read though none is named: %+v and %v", off, err)
	}
}

func TestWriteHTTPAllowed(t *testing.T) {
	names := (&Options{}).Names()
	w := written(&Call{}, good(), &names)
	for name, want := range map[string]string{
		"X-Keystile-Tenant": "acme", "X-Keystile-User": "ada", "X-Keystile-Key": "key_1", "X-Keystile-Roles": "admin,auditor",
		"X-Keystile-Api": "orders", "X-Keystile-Decision": "dec_1", "Deprecation": "@1000", "Sunset": "Thu, 01 Jan 1970 00:33:20 GMT",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("got %d and %q", w.Code, w.Body)
	}
	w = written(&Call{}, &Reply{Verdict: access.Verdict{Reason: access.Allowed}, Grant: &access.Grant{}, DecisionID: "dec_1"}, &names)
	if values, ok := w.Header()["X-Keystile-User"]; !ok || values[0] != "" {
		t.Errorf("without a caller: %v", w.Header())
	}
}

func TestWriteHTTPRefused(t *testing.T) {
	names := (&Options{}).Names()
	for _, e := range access.Entries() {
		if e.Reason == access.Allowed {
			continue
		}
		r := good()
		r.Verdict, r.Limit.Retry = access.Verdict{Reason: e.Reason}, 1500*time.Millisecond
		w := written(&Call{}, r, &names)
		var body struct{ Reason, Remedy, Detail, Type, DecisionID string }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != e.HTTPStatus || body.Reason != e.Name || body.DecisionID != "dec_1" || body.Remedy == "" || body.Type == "" {
			t.Errorf("%s: %d %s", e.Name, w.Code, w.Body)
		}
		if h := w.Header(); h.Get("X-Keystile-Reason") != e.Name || h.Get("Retry-After") != "2" || (h.Get("WWW-Authenticate") != "") != (e.HTTPStatus == 401) || h.Get("X-Keystile-User") != "" {
			t.Errorf("%s: %v", e.Name, h)
		}
	}
}

func TestUndecidedIsNeverAnAnswer(t *testing.T) {
	w := httptest.NewRecorder()
	problem := (&Reply{}).problem(200)
	a := HTTPAnswer{Status: 200, Headers: []Header{{Name: "X-Keystile-User", Value: "ada"}}}
	AnswerUndecided(&a, problem)
	a.Write(w)
	if w.Code != 503 || !strings.Contains(w.Body.String(), `"status":503`) || w.Header().Get("X-Keystile-User") != "" {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	w = httptest.NewRecorder()
	(&HTTPAnswer{}).Write(w)
	if w.Code != 503 {
		t.Errorf("the zero answer: got %d", w.Code)
	}
}

func TestReadCaller(t *testing.T) {
	h := http.Header{}
	if ReadCaller(h).Form() != access.Missing {
		t.Error("nothing is a key")
	}
	h.Add(HeaderCaller, one)
	if ReadCaller(h).Reveal() != one {
		t.Error("the key is not read")
	}
	h.Add(HeaderCaller, one)
	if ReadCaller(h).Form() != access.Malformed {
		t.Error("two keys are taken")
	}
}

func TestLimitsAs403(t *testing.T) {
	for _, meant := range []int{200, 401, 403, 429, 503} {
		if got := (&Binding{}).statusFor(meant); got != meant {
			t.Errorf("%d unasked: got %d", meant, got)
		}
		want := meant
		if meant == 429 {
			want = 403
		}
		if got := (&Binding{RefuseLimitsAs403: true}).statusFor(meant); got != want {
			t.Errorf("%d: got %d, want %d", meant, got, want)
		}
	}
}
