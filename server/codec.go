package server

import (
	"fmt"
	"unicode/utf8"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/encoding"

	// The codec of protocol buffers registers itself.
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/gateway"
)

// maxNesting is how deep a message is looked into. Checks have three levels.
const maxNesting = 16

// codec encodes and decodes what is asked most without reflection, and into memory
// that is used again; everything else as usual.
//
// It reads questions that hold text which is no UTF-8, as clients can put it
// into a path or a header, and Envoy passes it on. The usual codec ends the call
// with an error then; but that is "nothing was decided", which some gateways are
// told to let through, while a request that can't be read is to be refused. Each
// byte that is wrong becomes a NUL, which no path, no host and no key may hold.
type codec struct {
	encoding.CodecV2
	names gateway.Names
}

func newCodec(names gateway.Names) codec { return codec{encoding.GetCodecV2(grpcproto.Name), names} }

// Marshal encodes a message. The answer to a check is nobody's afterwards.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	var out []byte
	var err error
	switch answer := v.(type) {
	case encoded:
		return answer, nil
	case *pb.CheckKeyResponse:
		out, err = answer.MarshalVT()
		answer.ReturnToVTPool()
	case *pb.CheckKeysResponse:
		out, err = answer.MarshalVT()
		for _, one := range answer.GetResults() {
			one.ReturnToVTPool()
		}
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
	case *authv3.CheckRequest:
		return c.envoy(data.Materialize(), question)
	default:
		return c.CodecV2.Unmarshal(data, v) //nolint:wrapcheck // gRPC words it
	}
	if err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	return nil
}

// envoy decodes Envoy's question. Most of what Envoy sends is of no use here, and
// dear to decode.
func (c codec) envoy(raw []byte, question *authv3.CheckRequest) error {
	err := proto.Unmarshal(gateway.Prune(raw, &c.names), question)
	if err == nil {
		return nil
	}
	if !markBadText(raw, question.ProtoReflect().Descriptor(), maxNesting) {
		return fmt.Errorf("decoding: %w", err)
	}
	proto.Reset(question)
	return proto.Unmarshal(raw, question) //nolint:wrapcheck // gRPC words it
}

// markBadText writes a NUL over each byte of a message's strings that is no UTF-8.
// It is false when the bytes are no message at all.
func markBadText(raw []byte, d protoreflect.MessageDescriptor, depth int) bool {
	if depth == 0 {
		return false
	}
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return false
		}
		raw = raw[n:]
		n = protowire.ConsumeFieldValue(number, kind, raw)
		if n < 0 {
			return false
		}
		field := d.Fields().ByNumber(number)
		if kind == protowire.BytesType && field != nil {
			content, _ := protowire.ConsumeBytes(raw)
			switch field.Kind() {
			case protoreflect.StringKind:
				markBytes(content)
			case protoreflect.MessageKind:
				if !markBadText(content, field.Message(), depth-1) {
					return false
				}
			default:
			}
		}
		raw = raw[n:]
	}
	return true
}

func markBytes(text []byte) {
	if utf8.Valid(text) {
		return
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			text[i] = 0
		}
		i += size
	}
}
