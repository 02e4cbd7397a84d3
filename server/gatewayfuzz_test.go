package server_test

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/gateway"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
)

// watchingKeys knows one key, and remembers what was aimed at with it.
type watchingKeys struct {
	troubledKeys
	aim *access.Aim
}

func (k watchingKeys) Lookup(d *storage.Digest, aim *access.Aim, room *mirror.Room, g *access.Grant) bool {
	*k.aim = *aim
	return k.troubledKeys.Lookup(d, aim, room, g)
}

// fuzzed is a client's request, as far as a fuzzer shapes it.
type fuzzed struct{ method, host, path, authorization, apiKey, name, value string }

// seeds are what the fuzzers begin with, beside the corpus in testdata.
var seeds = []fuzzed{
	{"GET", "api.acme.test", "/orders/7?x=1", "Bearer " + knownSecret, "", "x-forwarded-uri", "/other"},
	{"POST", "api.acme.test:443", "/orders/../admin", "", knownSecret, "x-original-uri", "/other"},
	{"OPTIONS", "[::1]", "/a%2fb", "basic " + base64.StdEncoding.EncodeToString([]byte(knownSecret+":x")), knownSecret, "access-control-request-method", "PUT"},
	{"get", "", "//", "Bearer " + knownSecret + ",Bearer other-key-0123456789", knownSecret, "authorization", "Bearer " + knownSecret},
	{"GET", "a b", "/\xff", "Digest x", knownSecret, "x_api_key", "1"},
	{"CONNECT", "a.test", "*", "Bearer  " + knownSecret, "", "x-keystile-user", "root"},
	{"GET", "a.test", "/orders/7", "Bearer " + knownSecret, "", "x-forwarded-host", "b.test"},
}

// fuzzDoor holds a door to what must be true of every request: it never panics,
// never lets through without the known key, and judges the path, the host and the
// method that the gateway will forward, and no others.
func fuzzDoor(f *testing.F, ask func(t *testing.T, s *server.Service, q fuzzed) (allowed, asked bool)) {
	f.Helper()
	for _, s := range seeds {
		f.Add(s.method, s.host, s.path, s.authorization, s.apiKey, s.name, s.value)
	}
	f.Fuzz(func(t *testing.T, method, host, path, authorization, apiKey, name, value string) {
		q := fuzzed{method, host, path, authorization, apiKey, name, value}
		var log strings.Builder
		aim := &access.Aim{}
		service, err := server.NewService(server.Options{
			Store: nowhere{}, Keys: watchingKeys{troubledKeys{&steps{}}, aim}, CheckAuth: server.CheckAuthNone, Random: rand.Reader,
			Now: time.Now, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		allowed, asked := ask(t, service, q)
		if strings.Contains(log.String(), "panic") {
			t.Fatalf("%+v: %s", q, log.String())
		}
		if !allowed {
			return
		}
		if !asked || !presents(q) {
			t.Errorf("let through without the key: %+v", q)
		}
		wantPath, pathOK := access.ReadPath(path)
		wantHost, hostOK := access.ReadHost(host)
		if !pathOK || !hostOK || aim.Path != wantPath || aim.Host != wantHost || aim.Method != method {
			t.Errorf("judged %s %s %s for %+v", aim.Method, aim.Host, aim.Path, q)
		}
	})
}

// presents tells whether the known key stands anywhere in the request.
func presents(q fuzzed) bool {
	for _, header := range []string{q.authorization, q.apiKey, q.value} {
		if strings.Contains(header, knownSecret) {
			return true
		}
		for word := range strings.FieldsFuncSeq(header, func(c rune) bool { return c == ' ' || c == ',' }) {
			if pair, err := base64.StdEncoding.DecodeString(word); err == nil && strings.HasPrefix(string(pair), knownSecret+":") {
				return true
			}
		}
	}
	return false
}

// envoy is the request as Envoy tells of it, whatever bytes are in it: as encoders
// refuse text that is no UTF-8, this one is made by hand.
func (q fuzzed) envoy() server.EnvoyQuestion {
	field := func(number protowire.Number, parts ...[]byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), slices.Concat(parts...))
	}
	text := func(number protowire.Number, text string) []byte { return field(number, []byte(text)) }
	headers := [][2]string{{"authorization", q.authorization}, {"x-api-key", q.apiKey}, {q.name, q.value}}
	request := [][]byte{text(2, q.method), text(4, q.path), text(5, q.host)}
	if len(q.name)%2 == 0 {
		for _, h := range headers {
			request = append(request, field(3, text(1, h[0]), text(2, h[1])))
		}
	} else {
		var list [][]byte
		for _, h := range headers {
			list = append(list, field(1, text(1, h[0]), text(3, h[1])))
		}
		request = append(request, field(13, list...))
	}
	return server.EnvoyQuestion(field(1, field(4, field(2, request...))))
}

func FuzzEnvoyDoor(f *testing.F) {
	fuzzDoor(f, func(t *testing.T, s *server.Service, q fuzzed) (allowed, asked bool) {
		answer, err := server.NewEnvoyServer(s).Check(t.Context(), q.envoy())
		if err != nil {
			t.Fatalf("what a client sends became an error of ours: %v", err)
		}
		resp := &authv3.CheckResponse{}
		if err := proto.Unmarshal(answer, resp); err != nil || len(answer) == 0 {
			t.Fatalf("an answer that is none: %v", err)
		}
		if (resp.GetStatus().GetCode() == 0) != (resp.GetOkResponse() != nil) {
			t.Fatalf("two minds: %v", resp)
		}
		return resp.GetStatus().GetCode() == 0, true
	})
}

// fuzzHTTP asks an HTTP door with the request's bytes as a gateway would send them.
func fuzzHTTP(f *testing.F, request func(q fuzzed) string) {
	f.Helper()
	fuzzDoor(f, func(_ *testing.T, s *server.Service, q fuzzed) (allowed, asked bool) {
		if strings.ContainsAny(q.method+q.host+q.path+q.name+q.value, "\r\n") || strings.ContainsAny(q.method+q.host+q.path, " \t") {
			// No gateway forwards these: they would end the line, or be cut off it.
			return false, false
		}
		extra := ""
		for _, header := range [][2]string{{"Authorization", q.authorization}, {"X-API-Key", q.apiKey}, {q.name, q.value}} {
			if header[1] != "" {
				extra += header[0] + ": " + header[1] + "\r\n"
			}
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request(q) + extra + "\r\n")))
		if err != nil {
			return false, false
		}
		doors := server.NewGatewayDoors(s)
		if !doors.Serves(r.RequestURI) {
			return false, false
		}
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		doors.ServeHTTP(w, r)
		_, _ = io.Copy(io.Discard, w.Body)
		return w.Code == http.StatusOK, true
	})
}

func FuzzForwardAuthDoor(f *testing.F) {
	fuzzHTTP(f, func(q fuzzed) string {
		return "GET " + gateway.ForwardAuthPath + " HTTP/1.1\r\nHost: keystile\r\nX-Forwarded-Method: " + q.method +
			"\r\nX-Forwarded-Host: " + q.host + "\r\nX-Forwarded-Uri: " + q.path + "\r\n"
	})
}

func FuzzAuthRequestDoor(f *testing.F) {
	fuzzHTTP(f, func(q fuzzed) string {
		return "GET " + gateway.AuthRequestPath + " HTTP/1.1\r\nHost: " + q.host + "\r\nX-Original-Method: " + q.method +
			"\r\nX-Original-URI: " + q.path + "\r\n"
	})
}

func FuzzExtAuthzDoor(f *testing.F) {
	fuzzHTTP(f, func(q fuzzed) string {
		return q.method + " " + gateway.ExtAuthzPath + q.path + " HTTP/1.1\r\nHost: " + q.host + "\r\n"
	})
}
