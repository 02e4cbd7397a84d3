package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/gateway"
	"github.com/keystile/keystile/server/rest"
)

// Where callers have to show a certificate, a listener that asks for none opens
// nothing, whatever its callers say of themselves.
func TestCheckAuthMTLSHoldsBehindAnyListener(t *testing.T) {
	h := newHouse(t, houseOptions{checkAuth: server.CheckAuthMTLS})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	_, secret := h.key("acme", "ada", nil)

	forged := metadata.AppendToOutgoingContext(t.Context(), rest.MetadataCertificate, rest.CertificateVerified, "authorization", "Bearer "+h.root)
	for name, ctx := range map[string]context.Context{"bare": t.Context(), "forged": forged} {
		_, err := pb.NewKeyServiceClient(h.conn).CheckKey(ctx, &pb.CheckKeyRequest{Key: secret})
		if err == nil || errorReason(statusOf(err)) != "CLIENT_CERTIFICATE_REQUIRED" {
			t.Errorf("gRPC, %s: %v", name, err)
		}
		_, err = pb.NewKeyServiceClient(h.conn).CheckKeys(ctx, &pb.CheckKeysRequest{Checks: []*pb.CheckKeyRequest{{Key: secret}}})
		if err == nil || errorReason(statusOf(err)) != "CLIENT_CERTIFICATE_REQUIRED" {
			t.Errorf("gRPC batch, %s: %v", name, err)
		}
		_, err = authv3.NewAuthorizationClient(h.conn).Check(ctx, envoyRequest(asking{secret: secret, call: "GET any.test /"}))
		if err == nil || errorReason(statusOf(err)) != "GATEWAY_REFUSED" {
			t.Errorf("ext_authz, %s: %v", name, err)
		}
	}
	for _, header := range []string{"X-Keystile-Certificate", "Grpc-Metadata-X-Keystile-Certificate", "X-Forwarded-Client-Cert"} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", h.web.URL+"/v1/keys:check", strings.NewReader(`{"key":"`+secret+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(header, rest.CertificateVerified)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("REST with %s: status %d", header, resp.StatusCode)
		}
	}
	for _, path := range []string{gateway.ExtAuthzPath, gateway.ForwardAuthPath, gateway.AuthRequestPath} {
		for _, send := range []func(string) (*http.Response, []byte){h.raw, h.plainly} {
			resp, _ := send(httpDoor{path}.request(asking{secret: secret, call: "GET any.test /"}))
			if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get(gateway.HeaderReason) != "GATEWAY_REFUSED" {
				t.Errorf("%s: status %d %s", path, resp.StatusCode, resp.Header.Get(gateway.HeaderReason))
			}
		}
	}
	// A certificate says who asks about keys; who manages them says so by a key.
	h.call(200, "GET", "/v1/keys", h.root, nil)
}

// callerAt is a call that comes from a peer with a network address.
func callerAt(t *testing.T, addr net.Addr, info credentials.AuthInfo, md ...string) context.Context {
	t.Helper()
	ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: addr, AuthInfo: info})
	return metadata.NewIncomingContext(ctx, metadata.Pairs(md...))
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "bufconn" }

func (pipeAddr) String() string { return "bufconn" }

func TestWhichCallersHaveShownACertificate(t *testing.T) {
	h := newHouse(t, houseOptions{checkAuth: server.CheckAuthMTLS})
	tcp := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7}
	some := []*x509.Certificate{{}}
	verified := credentials.TLSInfo{State: tls.ConnectionState{PeerCertificates: some, VerifiedChains: [][]*x509.Certificate{some}}}
	unverified := credentials.TLSInfo{State: tls.ConnectionState{PeerCertificates: some}}
	said := []string{rest.MetadataCertificate, rest.CertificateVerified}
	for name, c := range map[string]struct {
		ctx  context.Context
		want bool
	}{
		"a verified one":                      {callerAt(t, tcp, verified), true},
		"one that was not verified":           {callerAt(t, tcp, unverified), false},
		"TLS without one":                     {callerAt(t, tcp, credentials.TLSInfo{}), false},
		"no TLS":                              {callerAt(t, tcp, nil), false},
		"no TLS, but says so":                 {callerAt(t, tcp, nil, said...), false},
		"TLS without one, but says so":        {callerAt(t, tcp, credentials.TLSInfo{}, said...), false},
		"REST, which has seen one":            {callerAt(t, pipeAddr{}, nil, said...), true},
		"REST, which has seen none":           {callerAt(t, pipeAddr{}, nil), false},
		"REST, told twice":                    {callerAt(t, pipeAddr{}, nil, append(said, said...)...), false},
		"REST, told something else":           {callerAt(t, pipeAddr{}, nil, rest.MetadataCertificate, "1"), false},
		"nobody":                              {t.Context(), false},
		"a peer without an address, verified": {callerAt(t, nil, verified), false},
	} {
		reached := false
		_, err := h.service.UnaryForTest(c.ctx, &pb.CheckKeyRequest{}, pb.KeyService_CheckKey_FullMethodName, func(context.Context, any) (any, error) {
			reached = true
			return &pb.CheckKeyResponse{}, nil
		})
		if reached != c.want || (err == nil) != c.want {
			t.Errorf("%s: reached the door: %v (%v), want %v", name, reached, err, c.want)
		}
	}
}
