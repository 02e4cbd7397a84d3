package client

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

func encodedAnswer(tb testing.TB) []byte {
	tb.Helper()
	text, err := proto.Marshal(&pb.CheckKeyResponse{
		Allowed: true, Reason: pb.Verdict_KEY_REVOKED, Message: "m", Identity: &pb.Identity{TenantId: "acme", Roles: []string{"a"}},
		Freshness: &pb.Freshness{Age: durationpb.New(1)}, PathParameters: map[string]string{"id": "7"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// readReason reads an answer that arrived in two pieces.
func readReason(text []byte) (pb.Verdict_Reason, error) {
	var reason pb.Verdict_Reason
	half := len(text) / 2
	err := checkCodec{}.Unmarshal(mem.BufferSlice{mem.SliceBuffer(text[:half]), mem.SliceBuffer(text[half:])}, &reason)
	return reason, err
}

// What the contract's own decoder reads, the codec reads as well, and as the
// same.
func FuzzReadReason(f *testing.F) {
	text := encodedAnswer(f)
	for i := range text {
		f.Add(text[:i])
	}
	f.Add(text)
	f.Add([]byte("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var whole pb.CheckKeyResponse
		if proto.Unmarshal(text, &whole) != nil {
			_, _ = readReason(text)
			return
		}
		if got, err := readReason(text); err != nil || got != whole.GetReason() {
			t.Errorf("%x: read %v (%v), want %v", text, got, err, whole.GetReason())
		}
	})
}

func TestATornAnswerIsNone(t *testing.T) {
	text := encodedAnswer(t)
	if got, err := readReason(text); err != nil || got != pb.Verdict_KEY_REVOKED {
		t.Errorf("read %v, %v", got, err)
	}
	for _, torn := range [][]byte{text[:len(text)-1], text[:3], []byte("\x10"), []byte("<html>")} {
		if got, err := readReason(torn); err == nil {
			t.Errorf("%q is read as %v", torn, got)
		}
	}
}

func TestSecretsAreNeverFormatted(t *testing.T) {
	const secret = "ks_asecret0000000000000000000000000000000"
	keys, err := readSecrets("-", &Terminal{In: strings.NewReader(secret + "\n")})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, keys); got != "[redacted]" {
			t.Errorf("%s: %s", verb, got)
		}
	}
}
