package main

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// batchSize is how many questions a batch holds.
const batchSize = 100

// checkKeys compares batches, asked about requests by their method, host and path.
func checkKeys() pair {
	return pair{
		name: "checkkeys", title: fmt.Sprintf("CheckKeys over gRPC, %d at a time", batchSize), rival: "bare gRPC",
		door:   func(k *keystile) string { return k.grpc },
		ask:    askCheckKeys,
		client: grpcClient{method: keystilev1.KeyService_CheckKeys_FullMethodName, allows: checkKeysAllows},
		serve:  serveBareCheckKeys,
	}
}

func askCheckKeys(ctx context.Context, address, secret string) (exchange, error) {
	batch := &keystilev1.CheckKeysRequest{}
	for i := range batchSize {
		batch.Checks = append(batch.Checks, &keystilev1.CheckKeyRequest{Key: secret, Request: &keystilev1.HTTPRequest{
			Method: "GET", Host: callHost, Path: fmt.Sprintf("/orders/%d", i/2), ClientIp: clientAddress,
		}})
	}
	return askGRPC(ctx, address, keystilev1.KeyService_CheckKeys_FullMethodName, batch, &keystilev1.CheckKeysResponse{}, checkKeysAllows)
}

func checkKeysAllows(answer []byte) error {
	verdicts := &keystilev1.CheckKeysResponse{}
	if err := proto.Unmarshal(answer, verdicts); err != nil {
		return err
	}
	if n := len(verdicts.GetResults()); n != batchSize {
		return fmt.Errorf("%d answers to %d questions", n, batchSize)
	}
	for _, verdict := range verdicts.GetResults() {
		if !verdict.GetAllowed() {
			return fmt.Errorf("refused: %s", verdict.GetReason())
		}
	}
	return nil
}

// bareBatchService gives the same answer to every batch.
type bareBatchService struct {
	keystilev1.UnimplementedKeyServiceServer
	answer *keystilev1.CheckKeysResponse
}

// CheckKeys answers without looking.
func (b *bareBatchService) CheckKeys(context.Context, *keystilev1.CheckKeysRequest) (*keystilev1.CheckKeysResponse, error) {
	return b.answer, nil
}

func serveBareCheckKeys(ctx context.Context, listener net.Listener, answer []byte) error {
	service := &bareBatchService{answer: &keystilev1.CheckKeysResponse{}}
	if err := proto.Unmarshal(answer, service.answer); err != nil {
		return fmt.Errorf("the answer to give: %w", err)
	}
	return serveGRPC(ctx, listener, func(s *grpc.Server) { keystilev1.RegisterKeyServiceServer(s, service) })
}
