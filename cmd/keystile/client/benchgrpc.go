package client

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// grpcCheck checks keys over gRPC.
type grpcCheck struct {
	conn grpc.ClientConnInterface
	// rest is the encoded question without its key.
	rest    []byte
	options []grpc.CallOption
}

func newGRPCCheck(conn grpc.ClientConnInterface, question *pb.CheckKeyRequest) (*grpcCheck, error) {
	rest, err := proto.Marshal(question)
	if err != nil {
		return nil, unexpectedf("encoding the question: %w", err)
	}
	return &grpcCheck{conn: conn, rest: rest, options: []grpc.CallOption{grpc.ForceCodecV2(checkCodec{})}}, nil
}

func (c *grpcCheck) check(ctx context.Context, secret string) (pb.Verdict_Reason, error) {
	var reason pb.Verdict_Reason
	err := c.conn.Invoke(ctx, pb.KeyService_CheckKey_FullMethodName, checkQuestion{c.rest, secret}, &reason, c.options...)
	return reason, err //nolint:wrapcheck // the status is what the caller reads
}

// checkQuestion is a CheckKeyRequest that is encoded but for its key.
type checkQuestion struct {
	rest   []byte
	secret string
}

// checkCodec writes questions and reads the reason out of an answer, so that the
// client spends its time on calls and not on messages that nobody looks at.
type checkCodec struct{}

// The fields of the contract that the codec knows.
const (
	fieldKey    = 1 // of CheckKeyRequest
	fieldReason = 2 // of CheckKeyResponse
)

// Name is that of the encoding, which is the usual one.
func (checkCodec) Name() string { return "proto" }

// Marshal puts a question's key behind the rest: fields may come in any order.
func (checkCodec) Marshal(v any) (mem.BufferSlice, error) {
	q, ok := v.(checkQuestion)
	if !ok {
		return nil, fmt.Errorf("client: %T is no question", v)
	}
	text := make([]byte, 0, len(q.rest)+protowire.SizeTag(fieldKey)+protowire.SizeBytes(len(q.secret)))
	text = append(text, q.rest...)
	text = protowire.AppendTag(text, fieldKey, protowire.BytesType)
	return mem.BufferSlice{mem.SliceBuffer(protowire.AppendString(text, q.secret))}, nil
}

// Unmarshal reads an answer's reason.
func (checkCodec) Unmarshal(data mem.BufferSlice, v any) error {
	reason, ok := v.(*pb.Verdict_Reason)
	if !ok {
		return fmt.Errorf("client: %T is no reason", v)
	}
	whole := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer whole.Free()
	for text := whole.ReadOnlyData(); len(text) > 0; {
		field, kind, n := protowire.ConsumeTag(text)
		if n < 0 {
			return errNoAnswer
		}
		text = text[n:]
		if field == fieldReason && kind == protowire.VarintType {
			value, _ := protowire.ConsumeVarint(text)
			*reason = pb.Verdict_Reason(value) //nolint:gosec // an enum's value is an int32
		}
		if n = protowire.ConsumeFieldValue(field, kind, text); n < 0 {
			return errNoAnswer
		}
		text = text[n:]
	}
	return nil
}

var errNoAnswer = errors.New("client: this is no answer to a check")

// errorName is how a failure is counted.
func errorName(err error) string { return codeName(status.Code(err)) }
