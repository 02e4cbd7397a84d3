package server

import (
	"encoding/binary"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// limitToProto tells how a limit stands; nil when it is none.
func limitToProto(s *limits.State) *pb.LimitState {
	if s.Subject == limits.NoKind {
		return nil
	}
	out := pb.LimitStateFromVTPool()
	out.Name, out.Subject, out.Kind = s.Name, pb.LimitState_Subject(s.Subject), pb.LimitState_RATE
	out.Limit, out.Remaining, out.Degraded = s.Limit, s.Remaining, s.Degraded
	if s.Quota {
		out.Kind = pb.LimitState_QUOTA
	} else {
		out.Period, out.Requests = durationpb.New(s.Period), s.Requests
	}
	if !s.Quota || s.Reset > 0 {
		out.Reset_ = durationpb.New(s.Reset)
	}
	if s.Retry > 0 && s.Retry != access.Never {
		out.RetryAfter = durationpb.New(s.Retry)
	}
	return out
}

// The fields of keystile.v1.LimitState.
const (
	fieldLimitName  protowire.Number = 1
	fieldSubject    protowire.Number = 2
	fieldKind       protowire.Number = 3
	fieldOf         protowire.Number = 4
	fieldRemaining  protowire.Number = 5
	fieldReset      protowire.Number = 6
	fieldRetryAfter protowire.Number = 7
	fieldDegraded   protowire.Number = 8
	fieldPeriod     protowire.Number = 9
	fieldRequests   protowire.Number = 10
)

// appendLimit adds what limitToProto tells, encoded.
func appendLimit(b []byte, field protowire.Number, s *limits.State) []byte {
	if s.Subject == limits.NoKind {
		return b
	}
	// Nearly all take less than 128 bytes, so that the size has one.
	b = append(protowire.AppendTag(b, field, protowire.BytesType), 0)
	begin := len(b) - 1
	b = appendText(b, fieldLimitName, s.Name)
	b = appendNumber(b, fieldSubject, int64(s.Subject))
	kind := int64(pb.LimitState_RATE)
	if s.Quota {
		kind = int64(pb.LimitState_QUOTA)
	}
	b = appendNumber(b, fieldKind, kind)
	b = appendNumber(b, fieldOf, s.Limit)
	b = appendNumber(b, fieldRemaining, s.Remaining)
	if !s.Quota || s.Reset > 0 {
		b = appendDuration(b, fieldReset, s.Reset)
	}
	if s.Retry > 0 && s.Retry != access.Never {
		b = appendDuration(b, fieldRetryAfter, s.Retry)
	}
	if s.Degraded {
		b = appendNumber(b, fieldDegraded, 1)
	}
	if !s.Quota {
		b = appendDuration(b, fieldPeriod, s.Period)
		b = appendNumber(b, fieldRequests, s.Requests)
	}
	if size := len(b) - begin - 1; size < 1<<7 {
		b[begin] = byte(size) //nolint:gosec // it is small
		return b
	}
	return endMessage(b, begin, 1)
}

// appendNumber adds a number that is not 0, in a field below 16.
func appendNumber(b []byte, field protowire.Number, n int64) []byte {
	if n == 0 {
		return b
	}
	b = append(b, byte(field)<<3|byte(protowire.VarintType)) //nolint:gosec // it is small
	return binary.AppendUvarint(b, uint64(n))                //nolint:gosec // as int64 is encoded
}

// appendDuration adds a google.protobuf.Duration that is not negative.
func appendDuration(b []byte, field protowire.Number, d time.Duration) []byte {
	return appendSpan(b, field, int64(d/time.Second), int(d%time.Second))
}
