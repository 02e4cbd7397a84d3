package main

import (
	"context"
	"fmt"
	"net"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// extAuthz compares Envoy's ext_authz over gRPC, asked about a request that
// matches a route.
func extAuthz() pair {
	return pair{
		name: "extauthz", title: "Envoy ext_authz over gRPC", rival: "bare gRPC",
		door:   func(k *keystile) string { return k.grpc },
		ask:    askExtAuthz,
		client: grpcClient{method: authv3.Authorization_Check_FullMethodName, allows: extAuthzAllows},
		serve:  serveBareExtAuthz,
	}
}

func askExtAuthz(ctx context.Context, address, secret string) (exchange, error) {
	return askGRPC(ctx, address, authv3.Authorization_Check_FullMethodName, envoyCheck(secret), &authv3.CheckResponse{}, extAuthzAllows)
}

// envoyCheck is what Envoy sends about a request, in the form that it uses unless
// told otherwise: headers as a map, pseudo-headers among them.
func envoyCheck(secret string) *authv3.CheckRequest {
	headers := map[string]string{
		":method": callMethod, ":path": callPath, ":authority": callHost, ":scheme": "https",
		// What Envoy itself adds.
		"x-forwarded-for": clientAddress, "x-forwarded-proto": "https",
		"x-request-id": "0b8d2a55-7d0c-4b8e-9c52-3f1f6f2a9f10",
	}
	for _, h := range clientHeaders(secret) {
		headers[h.name] = h.value
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source:      &authv3.AttributeContext_Peer{Address: socket(clientAddress, 51234)},
		Destination: &authv3.AttributeContext_Peer{Address: socket("192.0.2.10", 8443)},
		Request: &authv3.AttributeContext_Request{
			Time: &timestamppb.Timestamp{Seconds: 1_800_000_000, Nanos: 123_456_000},
			Http: &authv3.AttributeContext_HttpRequest{
				Id: "12345678901234567890", Method: callMethod, Headers: headers,
				Path: callPath, Host: callHost, Scheme: "https", Protocol: "HTTP/2",
			},
		},
		MetadataContext:      &corev3.Metadata{},
		RouteMetadataContext: &corev3.Metadata{},
	}}
}

func socket(address string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

// extAuthzAllows goes by what Envoy goes by, the status, but takes an empty answer
// for none.
func extAuthzAllows(answer []byte) error {
	check := &authv3.CheckResponse{}
	if err := proto.Unmarshal(answer, check); err != nil {
		return err
	}
	if check.GetStatus().GetCode() != 0 || check.GetOkResponse() == nil {
		return fmt.Errorf("refused: status %d, %s", check.GetStatus().GetCode(), check.GetDeniedResponse().GetBody())
	}
	return nil
}

// bareAuthorization gives the same answer to every check.
type bareAuthorization struct {
	authv3.UnimplementedAuthorizationServer
	answer *authv3.CheckResponse
}

// Check answers without looking.
func (b *bareAuthorization) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return b.answer, nil
}

func serveBareExtAuthz(ctx context.Context, listener net.Listener, answer []byte) error {
	service := &bareAuthorization{answer: &authv3.CheckResponse{}}
	if err := proto.Unmarshal(answer, service.answer); err != nil {
		return fmt.Errorf("the answer to give: %w", err)
	}
	return serveGRPC(ctx, listener, func(s *grpc.Server) { authv3.RegisterAuthorizationServer(s, service) })
}
