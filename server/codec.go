package server

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/encoding"

	// The codec of protocol buffers registers itself.
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// codec encodes and decodes what is asked most without reflection, and into memory
// that is used again; everything else as usual.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(grpcproto.Name)} }

// errEmptyAnswer: Envoy takes an empty answer for leave.
var errEmptyAnswer = errors.New("encoding: an answer to Envoy is empty")

// Marshal encodes a message. The answer to a check is nobody's afterwards.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	var out []byte
	var err error
	switch answer := v.(type) {
	case *encoded:
		return answer[:], nil
	case *pb.CheckKeyResponse:
		out, err = answer.MarshalVT()
		answer.ReturnToVTPool()
	case EnvoyAnswer:
		if len(answer) == 0 {
			return nil, errEmptyAnswer
		}
		out = answer
	default:
		return c.CodecV2.Marshal(v) //nolint:wrapcheck // gRPC words it
	}
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	return mem.BufferSlice{mem.SliceBuffer(out)}, nil
}

// Unmarshal decodes a message. Texts of a check lie in one copy of what came in;
// that they are UTF-8 is not asked here, as whoever reads them refuses what is not
// printable, and paths that are no text.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	var err error
	switch question := v.(type) {
	case *pb.CheckKeyRequest:
		err = question.UnmarshalVTUnsafe(data.Materialize())
	case *pb.CheckKeysRequest:
		err = question.UnmarshalVTUnsafe(data.Materialize())
	case *EnvoyQuestion:
		question.receive(data)
	default:
		return c.CodecV2.Unmarshal(data, v) //nolint:wrapcheck // gRPC words it
	}
	if err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	return nil
}
