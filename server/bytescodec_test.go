package server_test

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// bytesCodec sends a request that is encoded already, right or wrong.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	raw, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("not bytes: %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(raw)}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("not a message: %T", v)
	}
	return proto.Unmarshal(data.Materialize(), m)
}

func protoMarshal(m proto.Message) ([]byte, error) { return proto.Marshal(m) }

func statusOf(err error) *status.Status { return status.Convert(err) }
