package server_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

func TestBatch(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	_, secret := h.key("acme", "ada", nil)
	checks := []object{{"key": secret}, {"key": "short"}, {"key": secret, "permission": access.PermKeysCreate}}
	out := h.call(200, "POST", "/v1/keys:batchCheck", "", object{"checks": checks})
	var got []string
	for _, r := range out.at("results").([]any) {
		got = append(got, object(r.(map[string]any)).text("reason"))
	}
	if fmt.Sprint(got) != "[ALLOWED KEY_MALFORMED PERMISSION_DENIED]" {
		t.Errorf("got %v", got)
	}
	var many []object
	for range 1000 {
		many = append(many, object{"key": secret})
	}
	h.call(200, "POST", "/v1/keys:batchCheck", "", object{"checks": many})
	h.call(400, "POST", "/v1/keys:batchCheck", "", object{"checks": append(many, object{"key": secret})})
	h.call(400, "POST", "/v1/keys:batchCheck", "", object{"checks": []object{{"key": secret}, {"clientIp": "no"}}})
}

// Far too many questions are refused before anything is made for them.
func TestFarTooManyQuestions(t *testing.T) {
	h := newHouse(t, houseOptions{})
	checks := make([]*pb.CheckKeyRequest, 400_000)
	for i := range checks {
		checks[i] = &pb.CheckKeyRequest{}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := pb.NewKeyServiceClient(h.conn).CheckKeys(t.Context(), &pb.CheckKeysRequest{Checks: checks})
	runtime.ReadMemStats(&after)
	if status.Code(err) != codes.InvalidArgument {
		t.Fatal(err)
	}
	// Decoding takes what it must, and a good answer for each would take 200 MB more.
	if took := after.TotalAlloc - before.TotalAlloc; took > 190<<20 {
		t.Errorf("%d MB were taken to say no", took>>20)
	}
}

// Each question of a batch is answered as it is alone, whatever stands before it.
func TestBatchesAnswerAsSingleChecksDo(t *testing.T) {
	h := newHouse(t, houseOptions{})
	orders := storage.API{ID: "orders", State: storage.APIPublished, Visibility: storage.VisibilityPrivate, Routes: []storage.Route{
		{Hosts: []string{"*"}, Methods: []string{"*"}, Path: "/orders/{id}", Permission: "orders.read"},
		{Hosts: []string{"*"}, Methods: []string{"*"}, Path: "/admin/**", Permission: "orders.admin"},
	}}
	good := h.stage(scene{apis: []storage.API{orders}}, 0)
	narrow := h.stage(scene{apis: []storage.API{orders}, key: storage.Key{Scopes: []string{"orders.read"}}}, 1)
	revoked := h.stage(scene{key: storage.Key{State: storage.KeyRevoked}}, 2)
	client := pb.NewKeyServiceClient(h.conn)
	question := rapid.Custom(func(t *rapid.T) *pb.CheckKeyRequest {
		q := &pb.CheckKeyRequest{Key: rapid.SampledFrom([]string{good, good, narrow, revoked, "", "short", "sk-unknown-0123456789"}).Draw(t, "key")}
		path := rapid.SampledFrom([]string{"", "/orders/7", "/orders/8", "/admin/x", "/none", "/a/../b"}).Draw(t, "path")
		if path != "" {
			q.Request = &pb.HTTPRequest{Method: "GET", Host: "api.test", Path: path}
			q.Tenant = rapid.SampledFrom([]string{"acme-aa", "acme-ab", ""}).Draw(t, "tenant")
			q.ApiId = rapid.SampledFrom([]string{"", "", "orders"}).Draw(t, "API")
		}
		return q
	})
	seen := map[pb.Verdict_Reason]int{}
	rapid.Check(t, func(rt *rapid.T) {
		asked := rapid.SliceOfN(question, 1, 8).Draw(rt, "questions")
		batch, err := client.CheckKeys(t.Context(), &pb.CheckKeysRequest{Checks: asked})
		if err != nil || len(batch.GetResults()) != len(asked) {
			rt.Fatalf("%d answers to %d questions, %v", len(batch.GetResults()), len(asked), err)
		}
		for i, q := range asked {
			alone, err := client.CheckKey(t.Context(), q)
			if err != nil {
				rt.Fatal(err)
			}
			seen[alone.GetReason()]++
			if diff := cmp.Diff(alone, batch.GetResults()[i], protocmp.Transform(),
				protocmp.IgnoreFields(&pb.CheckKeyResponse{}, "decision_id", "freshness")); diff != "" {
				rt.Fatalf("question %d (-alone +in the batch):\n%s", i, diff)
			}
		}
	})
	if len(seen) < 6 || seen[pb.Verdict_ALLOWED] == 0 {
		t.Errorf("the questions led to no more than %v", seen)
	}
}
