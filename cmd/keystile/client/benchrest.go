package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// newRESTLoad makes an HTTP client that keeps a connection for each call in
// flight, as gateways do that speak HTTP/1.1 to what they ask.
func newRESTLoad(config *tls.Config, inFlight int) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSClientConfig:     config,
			TLSHandshakeTimeout: 10 * time.Second,
			Protocols:           protocols,
			MaxIdleConns:        inFlight,
			MaxIdleConnsPerHost: inFlight,
			MaxConnsPerHost:     inFlight,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// restCheck checks keys over REST, for one goroutine.
type restCheck struct {
	client *http.Client
	url    string
	// secret is the caller's own; empty sends none.
	secret string
	// rest is the question's JSON without its key, and without the brace before.
	rest   []byte
	answer bytes.Buffer
}

func newRESTCheck(client *http.Client, base, secret string, question *pb.CheckKeyRequest) (*restCheck, error) {
	r, ok := routeOf(pb.KeyService_CheckKey_FullMethodName)
	if !ok {
		return nil, unexpectedf("a check has no REST route")
	}
	text, err := protojson.Marshal(question)
	if err != nil {
		return nil, unexpectedf("the question has no JSON form: %w", err)
	}
	rest := bytes.TrimSpace(bytes.TrimPrefix(text, []byte("{")))
	if len(rest) > 1 {
		rest = append([]byte(","), rest...)
	}
	return &restCheck{client: client, url: base + r.path, secret: secret, rest: rest}, nil
}

func (c *restCheck) check(ctx context.Context, secret string) (pb.Verdict_Reason, error) {
	// The transport may go on reading the body of a call that was given up, so
	// each has one of its own. What is sendable, Go quotes as JSON does.
	body := make([]byte, 0, len(secret)+len(c.rest)+16)
	body = append(strconv.AppendQuote(append(body, `{"key":`...), secret), c.rest...)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return 0, status.Error(codes.InvalidArgument, "the question has no HTTP form") //nolint:wrapcheck // as gRPC would give it
	}
	req.Header["Content-Type"] = []string{"application/json"}
	if c.secret != "" {
		req.Header["Authorization"] = []string{"Bearer " + c.secret}
	}
	res, err := c.client.Do(req)
	if err != nil {
		return 0, transportStatus(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	c.answer.Reset()
	if _, err := c.answer.ReadFrom(io.LimitReader(res.Body, maxReply)); err != nil {
		return 0, transportStatus(ctx, err)
	}
	if res.StatusCode != http.StatusOK {
		return 0, statusOf(res, c.answer.Bytes(), time.Time{})
	}
	var verdict struct{ Reason string }
	if err := json.Unmarshal(c.answer.Bytes(), &verdict); err != nil {
		return 0, status.Error(codes.Internal, "this is no answer to a check") //nolint:wrapcheck // as gRPC would give it
	}
	return pb.Verdict_Reason(pb.Verdict_Reason_value[verdict.Reason]), nil
}
