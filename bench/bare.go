package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// bareService gives the same answer to every check: what grpc-go and protobuf
// cost for messages of this shape, and nothing else.
type bareService struct {
	keystilev1.UnimplementedKeyServiceServer
	answer *keystilev1.CheckKeyResponse
}

// CheckKey answers without looking.
func (b *bareService) CheckKey(context.Context, *keystilev1.CheckKeyRequest) (*keystilev1.CheckKeyResponse, error) {
	return b.answer, nil
}

// serveBare serves the answer stored in a file until ctx ends.
func serveBare(ctx context.Context, file, address string) error {
	encoded, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	answer := &keystilev1.CheckKeyResponse{}
	if err := proto.Unmarshal(encoded, answer); err != nil {
		return fmt.Errorf("the answer to give: %w", err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	keystilev1.RegisterKeyServiceServer(server, &bareService{answer: answer})
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	if err := server.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}
