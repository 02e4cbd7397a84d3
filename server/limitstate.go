package server

import (
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
	kind := int64(pb.LimitState_RATE)
	if s.Quota {
		kind = int64(pb.LimitState_QUOTA)
	}
	var room numbers
	n := room.put(0, fieldSubject, int64(s.Subject))
	n = room.put(n, fieldKind, kind)
	n = room.put(n, fieldOf, s.Limit)
	n = room.put(n, fieldRemaining, s.Remaining)
	if !s.Quota || s.Reset > 0 {
		n = room.putDuration(n, fieldReset, s.Reset)
	}
	if s.Retry > 0 && s.Retry != access.Never {
		n = room.putDuration(n, fieldRetryAfter, s.Retry)
	}
	if s.Degraded {
		n = room.put(n, fieldDegraded, 1)
	}
	if !s.Quota {
		n = room.putDuration(n, fieldPeriod, s.Period)
		n = room.put(n, fieldRequests, s.Requests)
	}
	b = appendHead(b, field, sizeText(s.Name)+n)
	b = appendText(b, fieldLimitName, s.Name)
	return append(b, room[:n]...)
}

// numbers are encoded fields that are written without looking for room each time. It is
// enough for all of a limit: six numbers, of which three may take ten bytes, and three
// durations.
type numbers [2 + 2 + 11 + 11 + 2 + 11 + 3*(2+11+6)]byte

// put writes a number behind the first n bytes, unless it is 0, and gives how many there
// are then. The field is below 16.
func (b *numbers) put(n int, field protowire.Number, value int64) int {
	if value == 0 {
		return n
	}
	b[n] = byte(field)<<3 | byte(protowire.VarintType) //nolint:gosec // it is small
	n++
	v := uint64(value) //nolint:gosec // as int64 is encoded
	for ; v >= 1<<7; v >>= 7 {
		b[n] = byte(v) | 1<<7
		n++
	}
	b[n] = byte(v)
	return n + 1
}

// putDuration writes a google.protobuf.Duration that is not negative.
func (b *numbers) putDuration(n int, field protowire.Number, d time.Duration) int {
	b[n] = byte(field)<<3 | byte(protowire.BytesType) //nolint:gosec // it is small
	size := n + 1
	n = b.put(size+1, fieldSeconds, int64(d/time.Second))
	n = b.put(n, fieldNanos, int64(d%time.Second))
	b[size] = byte(n - size - 1) //nolint:gosec // it is small
	return n
}
