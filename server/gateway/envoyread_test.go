package gateway

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protowire"
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

// Whatever a decoder takes means the same here, and what it does not take is not taken
// here, unless what is wrong lies in what is not looked at.
func FuzzReadEnvoy(f *testing.F) {
	f.Add(encoded(f, usualQuestion()))
	f.Add(encoded(f, raw("authorization", "Bearer "+one, "x.keystile.key", "1")))
	for _, wire := range brokenUp(f) {
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) { sameReading(t, wire) })
}

// sameReading holds ReadEnvoy to what a decoder makes of a question: of the whole, if
// it takes that, and of what is looked at.
func sameReading(t interface{ Fatalf(string, ...any) }, wire []byte) {
	o := Options{CredentialQuery: "api_key", CredentialCookie: "key"}
	names := o.Names()
	got, gotErr := ReadEnvoy(string(wire), &o, &names)
	for form, wire := range map[string][]byte{"whole": wire, "pruned": pruned(wire, &names)} {
		q, err := decodeQuestion(wire)
		if err != nil {
			if form == "pruned" && !errors.Is(gotErr, ErrNoQuestion) {
				t.Fatalf("got %v, want %v", gotErr, err)
			}
			continue
		}
		want, wantErr := decodedCall(q, &o, &names)
		if (wantErr == nil) != (gotErr == nil) || errors.Is(wantErr, ErrMisconfigured) != errors.Is(gotErr, ErrMisconfigured) {
			t.Fatalf("%s: got %v, want %v", form, gotErr, wantErr)
		}
		if !alike(got, want, q) {
			t.Fatalf("%s: got %+v, want %+v", form, got, want)
		}
	}
}

// alike tells whether two readings of a question are the same. The decoder's maps
// have no order: cookies are joined as they come, and of several origins any counts.
func alike(got, want Call, q *authv3.CheckRequest) bool {
	origins := 0
	for name := range q.GetAttributes().GetRequest().GetHttp().GetHeaders() {
		if strings.EqualFold(name, headerOrigin) {
			origins++
		}
	}
	if origins > 1 {
		got.HTTP.Preflight, want.HTTP.Preflight = "", ""
	}
	slices.Sort(want.Forged)
	slices.Sort(got.Forged)
	return got.Secret == want.Secret && got.Carriers == want.Carriers && got.ClientIP == want.ClientIP && got.HTTP == want.HTTP &&
		got.Binding == want.Binding && len(got.Cookies) == len(want.Cookies) && slices.Equal(got.Forged, want.Forged)
}

// brokenUp are questions as no client's library writes them.
func brokenUp(t testing.TB) [][]byte {
	t.Helper()
	usual := encoded(t, usualQuestion())
	listed := encoded(t, raw("authorization", "Bearer "+other, ":path", "/x\xff"))
	bare := question(nil)
	bare.Attributes.Request.Http.Path = ""
	pipe := question(nil)
	pipe.Attributes.Source.Address = &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/run/x"}}}
	group := protowire.AppendTag(nil, 100, protowire.StartGroupType)
	group = append(group, usual...)
	group = protowire.AppendTag(group, 100, protowire.EndGroupType)
	return [][]byte{
		nil,
		// Twice: what is given again counts, and all else stays.
		slices.Concat(usual, listed), slices.Concat(listed, usual), slices.Concat(usual, encoded(t, bare)),
		slices.Concat(usual, encoded(t, pipe)), slices.Concat(encoded(t, pipe), usual), slices.Concat(usual, encoded(t, pipe), usual),
		// Text that is no UTF-8, in a value and in a name.
		bytes.ReplaceAll(usual, []byte("/orders/7"), []byte("/orders/\xff")),
		bytes.ReplaceAll(usual, []byte("x_keystile_user"), []byte("x_keystile_use\xff")),
		// Unknown fields, and known ones of another kind.
		slices.Concat(group, usual), group[:len(group)-2], {0x08, 0x01}, {0x0b, 0x0c}, {0x0d, 1, 2, 3, 4}, {0x0d, 1}, {0x0e}, {0x0f}, {0x0c},
		{0x0b, 0x14}, {0x0b, 0x82, 0x80, 0x80, 0x80, 0x10, 0x00, 0x0c}, {0x82, 0x80, 0x80, 0x80, 0x10, 0x00}, {0x0b, 0x13, 0x14, 0x0c},
		// Numbers longer than they have to be, and too long.
		{0x8a, 0x00, 0x80, 0x00}, {0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, {0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02},
		{0x0a, 0x80, 0x00}, {0x0a, 0x06, 0x22, 0x04, 0x12, 0x02, 0x1a, 0x00}, {0x0a, 0x05, 0x22}, {0x02, 0x00}, {0xfa, 0xff, 0xff, 0xff, 0x7f, 0x00},
		// A header whose name stands in the entry twice.
		[]byte("\x0a\x1a\x22\x18\x12\x16\x1a\x14\x0a\x01a\x0a\x09x-api-key\x12\x04ks_1"),
	}
}

// The corpus of a fuzz target is a test already; this says what it is about.
func TestReadEnvoyOfAnotherForm(t *testing.T) {
	o := Options{}
	names := o.Names()
	usual, pipe := question(nil), question(nil)
	pipe.Attributes.Source.Address = &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/run/x"}}}
	pipe.Attributes.Request.Http.Path = "/other"
	call, err := ReadEnvoy(string(slices.Concat(encoded(t, usual), encoded(t, pipe))), &o, &names)
	if err != nil || call.ClientIP.IsValid() || call.HTTP.Path != "/other" || call.HTTP.Host != "api.acme.test" {
		t.Errorf("the last of each: got %+v, %v", call, err)
	}
	if _, err := ReadEnvoy("\xff\xff", &o, &names); !errors.Is(err, ErrNoQuestion) {
		t.Errorf("no message: got %v", err)
	}
	usual.Attributes.Request.Http.Path = "/orders/xx"
	call, err = ReadEnvoy(strings.ReplaceAll(string(encoded(t, usual)), "/xx", "/\xff\xfe"), &o, &names)
	if err != nil || call.HTTP.Path != "/orders/\x00\x00" {
		t.Errorf("no UTF-8: got %q, %v", call.HTTP.Path, err)
	}
}

// Many headers cost no more each than few.
func TestEntries(t *testing.T) {
	var e entries
	for round := range 3 {
		for i := range 1000 {
			e.put(strconv.Itoa(i), strconv.Itoa(round))
		}
	}
	if len(e.list) != 1000 {
		t.Fatalf("%d entries", len(e.list))
	}
	for i := range e.list {
		if e.list[i] != (entry{strconv.Itoa(i), "2"}) {
			t.Errorf("%d: %v", i, e.list[i])
		}
	}
}

func BenchmarkReadEnvoy(b *testing.B) {
	o := Options{}
	names := o.Names()
	q := usualQuestion()
	for i := range 10 {
		q.Attributes.Request.Http.Headers["x-some-header-"+string(rune('a'+i))] = "a value of some length, as they have it"
	}
	wire := string(encoded(b, q))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadEnvoy(wire, &o, &names); err != nil {
			b.Fatal(err)
		}
	}
}
