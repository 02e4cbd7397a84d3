package server

import (
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
)

// What is written at once says all that the message says, and nothing else: alone,
// and in a batch with others.
func TestEncodedAnswersSayWhatTheirMessagesSay(t *testing.T) {
	s, err := NewService(Options{
		Store: storeOfNothing{}, Keys: &mirror.Mirror{}, Random: rand.Reader, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		answers := rapid.SliceOfN(rapid.Custom(drawAnswer), 1, 4).Draw(t, "answers")
		var batch []byte
		want := &pb.CheckKeysResponse{}
		for i := range answers {
			raw, err := s.appendAnswer(nil, &answers[i])
			if err != nil {
				t.Fatal(err)
			}
			got, one := &pb.CheckKeyResponse{}, s.verdictToProto(&answers[i])
			if err := proto.Unmarshal(raw, got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(one, got, protocmp.Transform()); diff != "" {
				t.Fatalf("the message and what was written differ (-message +written):\n%s", diff)
			}
			want.Results = append(want.Results, one)
			if batch, err = s.appendResult(batch, &answers[i]); err != nil {
				t.Fatal(err)
			}
		}
		got := &pb.CheckKeysResponse{}
		if err := proto.Unmarshal(batch, got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Fatalf("the batch (-messages +written):\n%s", diff)
		}
	})
}

// storeOfNothing is a store that nobody asks.
type storeOfNothing struct{ storage.Store }

func drawAnswer(t *rapid.T) Answer {
	text := func(name string) string {
		return rapid.OneOf(rapid.StringN(0, 12, -1), rapid.Just(strings.Repeat("long ", 60)), rapid.Just(strings.Repeat("longer", 3000))).Draw(t, name)
	}
	moment := func(name string) time.Time {
		return rapid.OneOf(rapid.Just(time.Time{}), rapid.Map(rapid.Int64Range(-1<<33, 1<<40), func(n int64) time.Time { return time.Unix(n/7, n%7*1000).UTC() })).Draw(t, name)
	}
	names := rapid.SliceOfN(rapid.StringN(0, 12, -1), 0, 4)
	a := Answer{
		Verdict:    access.Verdict{Reason: rapid.SampledFrom([]access.Reason{access.Allowed, access.Allowed, access.Allowed, access.PermissionDenied, access.KeyNotFound, access.KeyExpired}).Draw(t, "reason")},
		DecisionID: text("decision"),
		Freshness: mirror.Freshness{
			Age: time.Duration(rapid.Int64Range(-1, 1<<40).Draw(t, "age")), Revision: rapid.Int64().Draw(t, "revision"), Stale: rapid.Bool().Draw(t, "stale"),
		},
	}
	a.Grant.Key = &storage.Key{
		ID: text("key"), TenantID: text("tenant"), UserID: text("user"), ExpireTime: moment("expire"),
		Labels: rapid.MapOf(rapid.StringN(0, 8, -1), rapid.StringN(0, 200, -1)).Draw(t, "labels"),
		Scopes: rapid.SliceOfN(rapid.SampledFrom([]string{"orders.read", "orders.*", "*", "billing.read"}), 0, 3).Draw(t, "scopes"),
	}
	a.Grant.User = &storage.User{DisplayName: text("display name"), Roles: names.Draw(t, "roles")}
	a.Grant.Roles = []access.Role{{ID: "r", Permissions: access.Permissions{"orders.*", "billing.read"}}}
	if rapid.Bool().Draw(t, "admin") {
		admin, _ := access.BuiltInRole(access.RoleAdmin)
		a.Grant.Roles = append(a.Grant.Roles, admin)
	}
	if rapid.Bool().Draw(t, "warned") {
		a.Verdict.Warnings = []access.Warning{{Kind: access.ExpiresSoon, Time: time.Unix(1, 0)}}
	}
	if rapid.Bool().Draw(t, "limited") {
		span := rapid.Map(rapid.Int64Range(0, 1<<50), func(n int64) time.Duration { return time.Duration(n) })
		a.Limit = limits.State{
			Subject: limits.Kind(rapid.IntRange(1, 6).Draw(t, "subject")), Name: text("limit"), Quota: rapid.Bool().Draw(t, "quota"),
			Limit: rapid.Int64().Draw(t, "of"), Remaining: rapid.Int64().Draw(t, "remaining"), Requests: rapid.Int64().Draw(t, "requests"),
			Period: span.Draw(t, "period"), Reset: span.Draw(t, "reset"), Degraded: rapid.Bool().Draw(t, "degraded"),
			Retry: rapid.OneOf(rapid.Just(access.Never), span).Draw(t, "retry"),
		}
	}
	if rapid.Bool().Draw(t, "API") {
		a.Grant.Target = access.Target{API: &storage.API{ID: text("API"), TenantID: text("API's tenant")}, Pattern: text("pattern")}
		for _, name := range rapid.SliceOfNDistinct(rapid.StringN(0, 8, -1), 0, 3, rapid.ID).Draw(t, "parameters") {
			a.Grant.Target.Params = append(a.Grant.Target.Params, access.Param{Name: name, Value: text("value")})
		}
	}
	return a
}
