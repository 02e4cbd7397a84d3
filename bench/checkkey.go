package main

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// checkKey compares CheckKey, asked about a permission.
func checkKey() pair {
	return pair{
		name: "checkkey", title: "CheckKey over gRPC", rival: "bare gRPC",
		door:   func(k *keystile) string { return k.grpc },
		ask:    askCheckKey,
		client: grpcClient{method: keystilev1.KeyService_CheckKey_FullMethodName, allows: checkKeyAllows},
		serve:  serveBareCheckKey,
	}
}

func askCheckKey(ctx context.Context, address, secret string) (exchange, error) {
	check := &keystilev1.CheckKeyRequest{Key: secret, Permission: "orders.read", ClientIp: clientAddress}
	return askGRPC(ctx, address, keystilev1.KeyService_CheckKey_FullMethodName, check, &keystilev1.CheckKeyResponse{}, checkKeyAllows)
}

func checkKeyAllows(answer []byte) error {
	verdict := &keystilev1.CheckKeyResponse{}
	if err := proto.Unmarshal(answer, verdict); err != nil {
		return err
	}
	if !verdict.GetAllowed() {
		return fmt.Errorf("refused: %s", verdict.GetReason())
	}
	return nil
}

// bareKeyService gives the same answer to every check.
type bareKeyService struct {
	keystilev1.UnimplementedKeyServiceServer
	answer *keystilev1.CheckKeyResponse
}

// CheckKey answers without looking.
func (b *bareKeyService) CheckKey(context.Context, *keystilev1.CheckKeyRequest) (*keystilev1.CheckKeyResponse, error) {
	return b.answer, nil
}

func serveBareCheckKey(ctx context.Context, listener net.Listener, answer []byte) error {
	service := &bareKeyService{answer: &keystilev1.CheckKeyResponse{}}
	if err := proto.Unmarshal(answer, service.answer); err != nil {
		return fmt.Errorf("the answer to give: %w", err)
	}
	return serveGRPC(ctx, listener, func(s *grpc.Server) { keystilev1.RegisterKeyServiceServer(s, service) })
}
