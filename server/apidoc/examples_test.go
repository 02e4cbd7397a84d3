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

// sample is a value that a parameter of the type takes.
func sample(kind string) string {
	switch kind {
	case "boolean":
		return "true"
	case "integer":
		return "1"
	default:
		return "a%20b%3D%22c%22"
	}
}

// TestDocumentLeadsToTheServer drives every call of the document, with each of
// its examples and all of its query parameters, through the REST door.
func TestDocumentLeadsToTheServer(t *testing.T) {
	door, err := rest.New(reached{}, rest.Options{NewRequestID: func() string { return "r" }})
	if err != nil {
		t.Fatal(err)
	}
	drive := func(method, target, body string, want int) {
		t.Helper()
		w := httptest.NewRecorder()
		door.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body)))
		if w.Code != want {
			t.Errorf("%s %s %s: got %d %s, want %d", method, target, body, w.Code, w.Body, want)
		}
	}
	for call, op := range operations(t) {
		method, path, _ := strings.Cut(call, " ")
		target := strings.ReplaceAll(path, "{id}", "key_0123456789abcdefghjkmnpqrs")
		separator := "?"
		for _, p := range op.Parameters {
			if p.In == "query" {
				target += separator + p.Name + "=" + sample(p.Schema.Type)
				separator = "&"
			}
		}
		bodies := op.bodies()
		if len(bodies) == 0 {
			t.Errorf("%s: no example", call)
		}
		for _, body := range bodies {
			// A conflict is what says that the RPC was reached.
			drive(method, target, body, http.StatusConflict)
		}
		if op.RequestBody != nil && op.RequestBody.Required {
			drive(method, target, "", http.StatusBadRequest)
		}
	}
}
