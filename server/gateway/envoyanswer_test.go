package gateway

import (
	"slices"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// An answer means what the message means that is made the plain way; where that can't
// be encoded, there is no answer.
func FuzzAnswerEnvoy(f *testing.F) {
	f.Add(uint8(access.Allowed), uint8(0), uint8(15), "dec_1", "ada", "admin,auditor", "a=b", "X_Keystile_User x.keystile.new", 0)
	f.Add(uint8(access.Allowed), uint8(3), uint8(8), "dec_1", "ada", "", "", "", 0)
	f.Add(uint8(access.KeyMissing), uint8(7), uint8(0), "dec_1", "", "", "", "", 1500)
	f.Add(uint8(access.KeyNotFound), uint8(1), uint8(0), "dec_1", "", "", "", "", 0)
	f.Add(uint8(access.Allowed), uint8(0), uint8(4), strings.Repeat("d", 127), strings.Repeat("u", 128), strings.Repeat("ro,le", 9000), strings.Repeat("é", 70), "x.keystile.É", 0)
	f.Add(uint8(access.Allowed), uint8(0), uint8(0), "dec_1", "a\xffb", "", "", "", 0)
	o := Options{CredentialQuery: "api_key", CredentialCookie: "key"}
	names := o.Names()
	f.Fuzz(func(t *testing.T, reason, without, carriers uint8, decision, user, roles, cookies, forged string, retry int) {
		r := good()
		r.Verdict.Reason, r.DecisionID = access.Reason(reason), decision
		r.Limit.Retry = time.Duration(retry) * time.Millisecond
		if retry%2 != 0 {
			r.Limit = limits.State{Subject: limits.KindKey, Name: "m", Quota: retry%3 == 0, Limit: 10, Remaining: 7, Requests: 5, Period: time.Minute, Retry: r.Limit.Retry}
		}
		r.Grant.Key.UserID, r.Grant.User.Roles = user, strings.Split(roles, ",")
		ofKey := access.Reason(reason) >= access.KeyRevoked && access.Reason(reason) <= access.KeyExpired
		for bit, leave := range []func(){
			func() {
				if !ofKey {
					r.Grant.Key = nil
				}
			},
			func() { r.Grant.User = nil }, func() { r.Grant.Target = access.Target{} }, func() { r.Verdict.Warnings = nil },
		} {
			if without&(1<<bit) != 0 {
				leave()
			}
		}
		call := &Call{Carriers: Carriers(carriers), Cookies: cookies, Forged: strings.Fields(forged)}
		want := messageOf(call, r, &names, &o)
		_, wantErr := proto.Marshal(want)
		wire, err := AnswerEnvoy(call, r, &names, &o)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got %v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		got := &authv3.CheckResponse{}
		if err := proto.Unmarshal(wire, got); err != nil {
			t.Fatal(err)
		}
		for _, m := range []*authv3.CheckResponse{got, want} {
			slices.Sort(m.GetOkResponse().GetHeadersToRemove())
		}
		if !proto.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func BenchmarkAnswerEnvoy(b *testing.B) {
	o := Options{}
	names := o.Names()
	r := good()
	r.Verdict.Warnings = nil
	call := &Call{Carriers: InAuthorization}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := AnswerEnvoy(call, r, &names, &o); err != nil {
			b.Fatal(err)
		}
	}
}
