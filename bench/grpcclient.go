package main

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// grpcClient calls one method of a gRPC server.
type grpcClient struct {
	method string
	// allows decodes an answer, and fails on one that is not a leave to go ahead.
	allows func(answer []byte) error
}

func (c grpcClient) connections(p loadPlan) int { return p.connections }

func (c grpcClient) open(_ context.Context, address string, e exchange, p loadPlan) ([]line, func(), error) {
	var connections []*grpc.ClientConn
	closeAll := func() {
		for _, c := range connections {
			_ = c.Close()
		}
	}
	for range p.connections {
		connection, err := grpc.NewClient(address,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		connections = append(connections, connection)
	}
	lines := make([]line, p.inFlight)
	for i := range lines {
		lines[i] = &grpcLine{client: c, connection: connections[i%len(connections)], request: e.request, usual: len(e.answer)}
	}
	return lines, closeAll, nil
}

// grpcLine makes one call after another over a connection that others share.
type grpcLine struct {
	client     grpcClient
	connection *grpc.ClientConn
	request    []byte
	answer     []byte
	usual      int
}

func (l *grpcLine) call(ctx context.Context) error {
	return l.connection.Invoke(ctx, l.client.method, l.request, &l.answer)
}

// sameSize is by how many bytes the answers to one question may differ: numbers in
// them that grow.
const sameSize = 16

func (l *grpcLine) judge(thorough bool) error {
	if off := len(l.answer) - l.usual; !thorough && -sameSize <= off && off <= sameSize {
		return nil
	}
	return l.client.allows(l.answer)
}

// rawCodec hands encoded messages through, so that the client spends its CPU
// on calls and not on encoding the same request again and again.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("not an encoded message: %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(message)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("not room for an encoded message: %T", v)
	}
	*message = slices.Grow((*message)[:0], data.Len())[:data.Len()]
	data.CopyTo(*message)
	return nil
}

var _ encoding.CodecV2 = rawCodec{}
