package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/gateway"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
)

// steps counts what a check does on its way, and lets one of them go wrong.
type steps struct {
	names []string
	// at is the step that goes wrong, from 1; zero none does.
	at    int
	wrong func()
}

func (s *steps) take(name string) {
	s.names = append(s.names, name)
	if len(s.names) == s.at {
		s.wrong()
	}
}

// knownSecret is the one secret that troubledKeys knows.
const knownSecret = "sk-known-0123456789abcdef"

// troubledKeys knows one good key, and takes a step at each question.
type troubledKeys struct{ *steps }

func knownGrant() access.Grant {
	return access.Grant{
		Key: &storage.Key{
			ID: "key_1", TenantID: "acme", UserID: "ada", State: storage.KeyActive,
			Secrets: []storage.Secret{{Digest: storage.Digest(access.ParseSecret(knownSecret).Sum())}},
		},
		User:   &storage.User{TenantID: "acme", ID: "ada", State: storage.UserActive, Roles: []string{access.RoleDeveloper}},
		Tenant: &storage.Tenant{ID: "acme", State: storage.TenantActive},
		Roles:  []access.Role{mustBuiltIn(access.RoleDeveloper)},
		Target: access.Target{
			API:        &storage.API{TenantID: "acme", ID: "orders", State: storage.APIPublished, Visibility: storage.VisibilityPrivate},
			Permission: "orders.read", Pattern: "/orders/{id}",
		},
	}
}

func mustBuiltIn(id string) access.Role {
	r, ok := access.BuiltInRole(id)
	if !ok {
		panic("no role " + id)
	}
	return r
}

func (k troubledKeys) Lookup(d *storage.Digest, _ *access.Aim, _ *mirror.Room, g *access.Grant) bool {
	k.take("lookup")
	if *d != storage.Digest(access.ParseSecret(knownSecret).Sum()) {
		*g = access.Grant{}
		return false
	}
	*g = knownGrant()
	return true
}

func (k troubledKeys) LookupID(string, *access.Aim) (access.Grant, bool) {
	k.take("lookup by id")
	return access.Grant{}, false
}

func (k troubledKeys) LookupTarget(*access.Aim) access.Target {
	k.take("lookup of a target")
	return access.Target{}
}

func (k troubledKeys) FreshnessAt(time.Time) mirror.Freshness {
	k.take("freshness")
	return mirror.Freshness{Ready: true, Fresh: true}
}

func (k troubledKeys) CatchUp(context.Context, int64) error { return nil }

func (k troubledKeys) Await(context.Context, int64) error { return nil }

func (k troubledKeys) Refresh(context.Context) (int64, error) { return 0, nil }

func (k troubledKeys) Confirm(context.Context, int64, time.Duration) ([]mirror.Straggler, error) {
	return nil, nil
}

// troubledContext takes a step whenever it is looked at.
type troubledContext struct {
	context.Context
	*steps
	ended bool
}

func (c *troubledContext) Err() error {
	c.take("context")
	if c.ended {
		return context.Canceled
	}
	return nil
}

// troubledReader is randomness that takes a step.
type troubledReader struct{ *steps }

func (r troubledReader) Read(p []byte) (int, error) {
	r.take("randomness")
	return rand.Read(p)
}

// nowhere is a store that nobody asks.
type nowhere struct{ storage.Store }

func troubled(t *testing.T, s *steps) *server.Service {
	t.Helper()
	service, err := server.NewService(server.Options{
		Store: nowhere{}, Keys: troubledKeys{s}, CheckAuth: server.CheckAuthNone, Random: troubledReader{s},
		Now: func() time.Time { s.take("clock"); return time.Now() }, Logger: slog.New(slog.DiscardHandler),
		Limits: limits.New(limits.Options{Now: time.Now}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// outcome is what a gateway makes of an answer.
type outcome string

const (
	letThrough outcome = "let through"
	refused    outcome = "refused"
	error503   outcome = "could not decide"
)

// askEnvoy asks through the interceptors, as gRPC runs them.
func askEnvoy(t *testing.T, service *server.Service, ctx context.Context, secret string) outcome {
	t.Helper()
	req := envoyRequest(asking{secret: secret, call: "GET api.acme.test /orders/7"})
	wire, err := protoMarshal(req)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := service.UnaryForTest(ctx, server.EnvoyQuestion(wire), authv3.Authorization_Check_FullMethodName, func(ctx context.Context, req any) (any, error) {
		return server.NewEnvoyServer(service).Check(ctx, req.(server.EnvoyQuestion))
	})
	if err != nil {
		if got := status.Code(err); got != codes.Unavailable {
			t.Errorf("the RPC fails %s, want UNAVAILABLE", got)
		}
		return error503
	}
	answer, ok := raw.(server.EnvoyAnswer)
	resp := &authv3.CheckResponse{}
	if err := proto.Unmarshal(answer, resp); err != nil {
		t.Errorf("no answer: %v", err)
	}
	switch {
	case !ok || resp.GetStatus() == nil || resp.GetHttpResponse() == nil:
		t.Errorf("an answer of zero value: %v", raw)
		return letThrough
	case resp.GetStatus().GetCode() == 0:
		return letThrough
	}
	return refused
}

func askHTTP(path string) func(t *testing.T, service *server.Service, ctx context.Context, secret string) outcome {
	return func(t *testing.T, service *server.Service, ctx context.Context, secret string) outcome {
		t.Helper()
		q := asking{secret: secret, call: "GET api.acme.test /orders/7"}
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		if path == gateway.ExtAuthzPath {
			r = httptest.NewRequestWithContext(ctx, http.MethodGet, path+"/orders/7", nil)
		}
		call := q.http()
		r.Host = call.Host
		for name, value := range map[string]string{
			"X-Forwarded-Method": call.Method, "X-Forwarded-Host": call.Host, "X-Forwarded-Uri": call.Path,
			"X-Original-Method": call.Method, "X-Original-Uri": call.Path, "X-Api-Key": secret,
		} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		w := httptest.NewRecorder()
		server.NewGatewayDoors(service).ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK:
			return letThrough
		case http.StatusServiceUnavailable:
			var problem struct{ Reason string }
			if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Reason == "" {
				t.Errorf("the answer does not say why: %s", w.Body)
			}
			return error503
		case http.StatusUnauthorized, http.StatusForbidden:
			return refused
		}
		t.Errorf("status %d", w.Code)
		return refused
	}
}

var gatewayDoors = map[string]func(*testing.T, *server.Service, context.Context, string) outcome{
	"ext_authz":             askEnvoy,
	gateway.ForwardAuthPath: askHTTP(gateway.ForwardAuthPath),
	gateway.AuthRequestPath: askHTTP(gateway.AuthRequestPath),
	gateway.ExtAuthzPath:    askHTTP(gateway.ExtAuthzPath),
}

// Whatever goes wrong on the way, at whichever step: it ends in "could not
// decide", never in a call that is let through.
func TestGatewayDoorsFailClosed(t *testing.T) {
	for name, ask := range gatewayDoors {
		t.Run(name, func(t *testing.T) {
			for _, way := range []string{"panic", "cancelled context"} {
				for at := 1; ; at++ {
					s := &steps{at: at}
					ctx := &troubledContext{Context: t.Context(), steps: s}
					s.wrong = func() {
						ctx.ended = true
						if way == "panic" {
							panic(fmt.Sprintf("at step %d", at))
						}
					}
					got := ask(t, troubled(t, s), ctx, knownSecret)
					if len(s.names) < at {
						// Every step has gone wrong once.
						if got != letThrough || at < 6 || !slices.Contains(s.names, "lookup") {
							t.Errorf("after %d steps %v: %s", len(s.names), s.names, got)
						}
						break
					}
					step := s.names[at-1]
					if late := way == "cancelled context" && lastLook(s.names, at); got == letThrough && !late || got == refused {
						t.Errorf("%s at step %d, %s: %s", way, at, step, got)
					}
				}
			}
		})
	}
}

// lastLook tells whether nothing looks at the context after that step: what ends
// after the last look ends after the answer.
func lastLook(names []string, at int) bool { return !slices.Contains(names[at:], "context") }

func TestGatewayDoorsRefuse(t *testing.T) {
	for name, ask := range gatewayDoors {
		for secret, want := range map[string]outcome{knownSecret: letThrough, "": refused, "short": refused, "sk-foreign-0123456789abcdef": refused} {
			if got := ask(t, troubled(t, &steps{}), t.Context(), secret); got != want {
				t.Errorf("%s: %q is %s, want %s", name, secret, got, want)
			}
		}
	}
}

// A zero value never leaves the codec either: what can't be read at all is an
// error, and what only holds wrong text is a question that is refused.
func TestEnvoyTextThatIsNoUTF8(t *testing.T) {
	h := newHouse(t, houseOptions{})
	secret := h.stage(scene{}, 0)
	for _, spoil := range []string{"/orders/7", "GET", "api.acme.test", "Bearer " + secret} {
		req := envoyRequest(asking{secret: secret, call: "GET api.acme.test /orders/7"})
		wire, err := marshalSpoilt(req, spoil)
		if err != nil {
			t.Fatal(err)
		}
		out := &authv3.CheckResponse{}
		err = h.conn.Invoke(t.Context(), authv3.Authorization_Check_FullMethodName, wire, out, grpc.ForceCodecV2(bytesCodec{}))
		if err != nil {
			t.Errorf("%q spoilt: %v", spoil, err)
			continue
		}
		if out.GetStatus().GetCode() == 0 || out.GetDeniedResponse() == nil {
			t.Errorf("%q spoilt: let through", spoil)
		}
	}
	err := h.conn.Invoke(t.Context(), authv3.Authorization_Check_FullMethodName, []byte{0xff, 0xff}, &authv3.CheckResponse{}, grpc.ForceCodecV2(bytesCodec{}))
	if statusOf(err).Code() != codes.Unavailable {
		t.Errorf("bytes that are no message: got %v, want UNAVAILABLE", err)
	}
}

// marshalSpoilt encodes a request, and puts a byte that is no UTF-8 in place of
// the last one of a text in it.
func marshalSpoilt(req *authv3.CheckRequest, text string) ([]byte, error) {
	wire, err := protoMarshal(req)
	if err != nil {
		return nil, err
	}
	at := bytes.LastIndex(wire, []byte(text))
	if at < 0 {
		return nil, errors.New(text + " is not in the request")
	}
	wire[at+len(text)-1] = 0xff
	return wire, nil
}
