package server_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/gateway"
	"github.com/keystile/keystile/storage"
)

// A gateway can't tell which of the two has read its request.
func TestGatewaysGetTheSameAnswerEitherWay(t *testing.T) {
	h := newHouse(t, houseOptions{})
	secret := h.stage(scene{apis: []storage.API{orders()}}, 0)
	call := " api." + tenantOf(0) + ".test /orders/7"
	ids := regexp.MustCompile(`(dec|req)_[0-9A-Za-z]+`)
	text := func(resp *http.Response, body []byte) string {
		if date, err := http.ParseTime(resp.Header.Get("Date")); err != nil || date.IsZero() {
			t.Errorf("the date is %q", resp.Header.Get("Date"))
		}
		delete(resp.Header, "Date")
		delete(resp.Header, "Connection")
		var out strings.Builder
		out.WriteString(resp.Proto + " " + resp.Status + "\n")
		_ = resp.Header.Write(&out)
		return ids.ReplaceAllString(out.String()+string(body), "ID")
	}
	for _, path := range []string{gateway.ExtAuthzPath, gateway.ForwardAuthPath, gateway.AuthRequestPath} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "PROPFIND"} {
			for _, presented := range []string{secret, "", "sk-foreign-0123456789abcdef"} {
				request := httpDoor{path}.request(asking{secret: presented, call: method + call})
				for _, request := range []string{request, strings.Replace(request, " HTTP/1.1", "&nothing=1 HTTP/1.1", 1), strings.Replace(request, "X-", "Content-Length: 0\r\nX-", 1), strings.Replace(request, "GET /", "HEAD /", 1)} {
					if diff := cmp.Diff(text(h.raw(request)), text(h.plainly(request))); diff != "" {
						t.Errorf("%q:\n%s", request, diff)
					}
				}
			}
		}
	}
}

// What a gateway's configuration has spoilt, and what fails on the way, is never an
// answer that lets through.
func TestPlainQuestionsFailClosed(t *testing.T) {
	h := newHouse(t, houseOptions{unsynced: true})
	for _, path := range []string{gateway.ExtAuthzPath, gateway.ForwardAuthPath, gateway.AuthRequestPath} {
		resp, body := h.plainly(httpDoor{path}.request(asking{secret: knownSecret, call: "GET a.test /"}))
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get(gateway.HeaderReason) == "" {
			t.Errorf("%s without a snapshot: %d %s", path, resp.StatusCode, body)
		}
	}
	s := &steps{at: 2, wrong: func() { panic("on the way") }}
	var a gateway.HTTPAnswer
	q := gateway.Question{Method: "GET", Target: gateway.ExtAuthzPath + "/", Host: "a.test", Headers: http.Header{"X-Api-Key": {knownSecret}}}
	server.NewGatewayDoors(troubled(t, s)).Ask(t.Context(), &q, &a)
	if a.StatusCode() != http.StatusServiceUnavailable || len(a.Body) == 0 {
		t.Errorf("a panic: %d %s", a.StatusCode(), a.Body)
	}
	a = gateway.HTTPAnswer{}
	q.Target = "/v1/keys"
	server.NewGatewayDoors(troubled(t, &steps{})).Ask(t.Context(), &q, &a)
	if a.StatusCode() != http.StatusServiceUnavailable {
		t.Errorf("no door: %d %s", a.StatusCode(), a.Body)
	}
}
