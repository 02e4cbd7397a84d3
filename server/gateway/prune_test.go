package gateway

import (
	"errors"
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func usualQuestion() *authv3.CheckRequest {
	q := question(map[string]string{
		":path": "/orders/7?x=1", "accept": "*/*", "user-agent": "curl/8.5.0", "authorization": "Bearer " + one, "X-API-Key": one,
		"x_keystile_user": "root", "cookie": "a=b; key=" + one, "origin": "https://app.test", "access-control-request-method": "GET",
	})
	http := q.Attributes.Request.Http
	http.Id, http.Scheme, http.Protocol, http.Size, http.Body = "1", "https", "HTTP/2", -1, "a body"
	q.Attributes.Request.Time = timestamppb.New(timestamppb.Now().AsTime())
	q.Attributes.Destination = q.Attributes.Source
	q.Attributes.ContextExtensions = map[string]string{"tenant": "acme"}
	q.Attributes.MetadataContext = &corev3.Metadata{}
	return q
}

func encoded(t testing.TB, q *authv3.CheckRequest) []byte {
	t.Helper()
	wire, err := proto.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func TestPruneLeavesLittle(t *testing.T) {
	names := (&Options{}).Names()
	wire := encoded(t, usualQuestion())
	out := Prune(wire, &names)
	var q authv3.CheckRequest
	if err := proto.Unmarshal(out, &q); err != nil {
		t.Fatal(err)
	}
	http := q.GetAttributes().GetRequest().GetHttp()
	if len(http.GetHeaders()) != 6 || http.GetBody() != "" || q.GetAttributes().GetDestination() != nil || q.GetAttributes().GetSource() == nil {
		t.Errorf("%d of %d bytes are left: %v", len(out), len(wire), &q)
	}
}

// Whatever the decoder takes means the same pruned, and what it does not take it
// does not take pruned either, unless what is wrong lay in what is dropped.
func FuzzPrune(f *testing.F) {
	f.Add(encoded(f, usualQuestion()))
	f.Add(encoded(f, raw("authorization", "Bearer "+one, "x.keystile.key", "1")))
	f.Add([]byte{0x0a, 0x80, 0x00})
	f.Add([]byte{0x0a, 0x06, 0x22, 0x04, 0x12, 0x02, 0x1a, 0x00})
	// A header whose name stands in the entry twice.
	f.Add([]byte("\x0a\x1a\x22\x18\x12\x16\x1a\x14\x0a\x01a\x0a\x09x-api-key\x12\x04ks_1"))
	o := Options{CredentialQuery: "api_key", CredentialCookie: "key"}
	names := o.Names()
	f.Fuzz(func(t *testing.T, wire []byte) {
		before := slices.Clone(wire)
		out := Prune(wire, &names)
		if !slices.Equal(before, wire) {
			t.Fatal("the request itself was changed")
		}
		var whole, left authv3.CheckRequest
		if proto.Unmarshal(wire, &whole) != nil {
			return
		}
		if err := proto.Unmarshal(out, &left); err != nil {
			t.Fatalf("it can't be read any more: %v", err)
		}
		want, wantErr := ReadEnvoy(&whole, &o, &names)
		got, gotErr := ReadEnvoy(&left, &o, &names)
		if (wantErr == nil) != (gotErr == nil) || errors.Is(wantErr, ErrMisconfigured) != errors.Is(gotErr, ErrMisconfigured) {
			t.Fatalf("got %v, want %v", gotErr, wantErr)
		}
		// Maps have no order, and cookies are joined as they come.
		slices.Sort(want.Forged)
		slices.Sort(got.Forged)
		same := got.Secret == want.Secret && got.Carriers == want.Carriers && got.ClientIP == want.ClientIP && got.HTTP == want.HTTP &&
			got.Binding == want.Binding && len(got.Cookies) == len(want.Cookies) && slices.Equal(got.Forged, want.Forged)
		if !same {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func BenchmarkReadEnvoy(b *testing.B) {
	o := Options{}
	names := o.Names()
	q := usualQuestion()
	for i := range 10 {
		q.Attributes.Request.Http.Headers["x-some-header-"+string(rune('a'+i))] = "a value of some length, as they have it"
	}
	wire := encoded(b, q)
	for name, prepare := range map[string]func([]byte) []byte{
		"whole":  func(wire []byte) []byte { return wire },
		"pruned": func(wire []byte) []byte { return Prune(wire, &names) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var m authv3.CheckRequest
				if err := proto.Unmarshal(prepare(wire), &m); err != nil {
					b.Fatal(err)
				}
				if _, err := ReadEnvoy(&m, &o, &names); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
