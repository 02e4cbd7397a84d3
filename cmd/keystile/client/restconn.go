package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// restConn carries the calls of the generated gRPC clients over the REST door.
// Its errors are gRPC statuses with the details that gRPC would have carried.
type restConn struct {
	base   string
	client *http.Client
	now    func() time.Time
}

func newRESTConn(base string, config *tls.Config, now func() time.Time) *restConn {
	return &restConn{
		base: base,
		now:  now,
		client: &http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				TLSClientConfig:     config,
				ForceAttemptHTTP2:   true,
				TLSHandshakeTimeout: 10 * time.Second,
			},
			// The key is for the server that was named, and for no other.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (c *restConn) close() { c.client.CloseIdleConnections() }

// Invoke makes one call.
func (c *restConn) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	in, inOK := args.(proto.Message)
	out, outOK := reply.(proto.Message)
	if !inOK || !outOK {
		return status.Error(codes.Internal, "a call's request and reply must be protocol messages")
	}
	req, err := c.request(ctx, method, in)
	if err != nil {
		return err
	}
	res, err := c.client.Do(req)
	if err != nil {
		return transportStatus(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxReply+1))
	if err != nil {
		return transportStatus(ctx, err)
	}
	if len(text) > maxReply {
		return status.Error(codes.ResourceExhausted, "the server's answer is too large")
	}
	if res.StatusCode != http.StatusOK {
		return statusOf(res, text, c.now())
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, out); err != nil {
		// The error may repeat what the answer holds, such as a new secret.
		return status.Error(codes.Internal, "the server's answer is not the JSON of this call: is this Keystile's REST address?")
	}
	return nil
}

// NewStream refuses: no command needs a stream.
func (c *restConn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errNoStreams
}

// request puts a call into HTTP.
func (c *restConn) request(ctx context.Context, method string, in proto.Message) (*http.Request, error) {
	r, ok := routeOf(method)
	if !ok {
		return nil, status.Errorf(codes.Unimplemented, "%s has no REST route here", method)
	}
	suffix, err := r.address(in)
	if err != nil {
		return nil, err
	}
	var body []byte
	if r.hasBody() {
		if body, err = protojson.Marshal(in); err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "the request has no JSON form: %v", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.verb, c.base+suffix, bytes.NewReader(body))
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the request has no HTTP form: %v", err)
	}
	req.Header.Set("Accept", "application/json, application/problem+json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	sent, _ := metadata.FromOutgoingContext(ctx)
	for _, value := range sent.Get("authorization") {
		req.Header.Add("Authorization", value)
	}
	return req, nil
}

// transportStatus is the status of a call that got no answer.
func transportStatus(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "the server did not answer in time")
	case ctx.Err() != nil:
		return status.Error(codes.Canceled, "the call was cancelled")
	}
	return status.Error(codes.Unavailable, fmt.Sprintf("no answer from the server: %v", err))
}
