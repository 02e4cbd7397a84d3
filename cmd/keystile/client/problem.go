package client

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// statusOf turns an HTTP answer that is no success back into the gRPC status
// that the REST door made it from.
func statusOf(res *http.Response, text []byte, now time.Time) error {
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	var p problemJSON
	if media != "application/problem+json" || json.Unmarshal(text, &p) != nil {
		return strangeStatus(res.StatusCode)
	}
	info := &errdetails.ErrorInfo{Reason: p.Reason, Domain: errorDomain, Metadata: map[string]string{}}
	if p.Remedy != "" {
		info.Metadata["remedy"] = p.Remedy
	}
	if p.DecisionID != "" {
		info.Metadata["decision_id"] = p.DecisionID
	}
	details := []protoadapt.MessageV1{info}
	if p.RequestID != "" {
		details = append(details, &errdetails.RequestInfo{RequestId: p.RequestID})
	}
	if len(p.Errors) > 0 {
		bad := &errdetails.BadRequest{}
		for _, e := range p.Errors {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: e.Field, Description: e.Message})
		}
		details = append(details, bad)
	}
	if p.Type != "" && p.Type != "about:blank" {
		details = append(details, &errdetails.Help{Links: []*errdetails.Help_Link{{Description: "cause and cure", Url: p.Type}}})
	}
	if wait, ok := retryAfter(res.Header.Get("Retry-After"), now); ok {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
	}
	s := status.New(problemCode(p.Reason, res.StatusCode), p.Detail)
	if full, err := s.WithDetails(details...); err == nil {
		s = full
	}
	return s.Err() //nolint:wrapcheck // this is what the gRPC client would have given
}

// statusClientClosedRequest is the HTTP form of a cancelled call.
const statusClientClosedRequest = 499

// problemCode finds the gRPC code. The reason tells where several codes share
// an HTTP status; elsewhere the status does.
func problemCode(reason string, httpStatus int) codes.Code {
	if c, ok := code.Code_value[reason]; ok && c != int32(code.Code_OK) {
		return codes.Code(c) //nolint:gosec // the enum's values are 1 to 16
	}
	switch httpStatus {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusRequestHeaderFieldsTooLarge:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusConflict:
		return codes.Aborted
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusNotImplemented:
		return codes.Unimplemented
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	case http.StatusGatewayTimeout:
		return codes.DeadlineExceeded
	case statusClientClosedRequest:
		return codes.Canceled
	}
	return codes.Internal
}

// strangeStatus is the status of an answer that Keystile did not give: of a
// proxy on the way, or of another server. Such a 404 says nothing about a
// record, so it must not look like "not found".
func strangeStatus(httpStatus int) error {
	c := codes.Unknown
	switch httpStatus {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		c = codes.Unauthenticated
	case http.StatusForbidden:
		c = codes.PermissionDenied
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable:
		c = codes.Unavailable
	case http.StatusGatewayTimeout:
		c = codes.DeadlineExceeded
	}
	return status.Error(c, fmt.Sprintf("the answer was HTTP %d and not Keystile's: is this its REST address?", httpStatus))
}

// retryAfter reads the header's two forms, seconds and a date.
func retryAfter(text string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// codeName is a code as Keystile's own reasons write it: as google.rpc.Code
// does, but for its "CANCELLED".
func codeName(c codes.Code) string {
	if c == codes.Canceled {
		return "CANCELED"
	}
	if name, ok := code.Code_name[int32(c)]; ok { //nolint:gosec // codes are small
		return name
	}
	return "UNKNOWN"
}
