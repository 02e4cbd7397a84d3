package rest_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/keystile/keystile/server/rest"
)

// broken is a connection that panics with something that must not be told.
type broken struct{}

func (broken) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	panic("ks_SECRET")
}

func (broken) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	panic("ks_SECRET")
}

func panicking(t *testing.T, logs *strings.Builder) http.Handler {
	t.Helper()
	handler, err := rest.New(broken{}, rest.Options{
		NewRequestID: func() string { return "made" },
		Logger:       slog.New(slog.NewTextHandler(logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func TestNewWantsWhatItNeeds(t *testing.T) {
	if _, err := rest.New(nil, rest.Options{NewRequestID: func() string { return "x" }}); err == nil {
		t.Error("no connection: got no error")
	}
	if _, err := rest.New(broken{}, rest.Options{}); err == nil {
		t.Error("no NewRequestID: got no error")
	}
}
