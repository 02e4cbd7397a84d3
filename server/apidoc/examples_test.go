package apidoc_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/keystile/keystile/server/rest"
)

// reached is a gRPC server that says no more than that a call came.
type reached struct{}

func (reached) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	return status.Error(codes.AlreadyExists, "reached")
}

func (reached) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.AlreadyExists, "reached")
}

// TestDocumentLeadsToTheServer drives every call of the document, with its
// example and all of its query parameters, through the REST door.
func TestDocumentLeadsToTheServer(t *testing.T) {
	door, err := rest.New(reached{}, rest.Options{NewRequestID: func() string { return "r" }})
	if err != nil {
		t.Fatal(err)
	}
	for call, op := range operations(t) {
		method, path, _ := strings.Cut(call, " ")
		target := strings.ReplaceAll(path, "{id}", "key_0123456789abcdefghjkmnpqrs")
		body := ""
		if op.RequestBody != nil {
			body = string(op.RequestBody.Content["application/json"].Example)
		}
		separator := "?"
		for _, p := range op.Parameters {
			if p.In == "query" {
				value := "1"
				if strings.HasSuffix(p.Name, "Only") || strings.HasPrefix(p.Name, "show") {
					value = "true"
				}
				target += separator + p.Name + "=" + value
				separator = "&"
			}
		}
		w := httptest.NewRecorder()
		door.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body)))
		if w.Code != http.StatusConflict {
			t.Errorf("%s %s: got %d %s, want the RPC to be reached", method, target, w.Code, w.Body)
		}
	}
}
