package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errorDomain is the ErrorInfo domain of errors made by this project. The text
// of any other may come from a library, and tell what is nobody's business.
const errorDomain = "keystile"

// ProblemOf turns an error, gRPC status or not, into what an HTTP client is
// told. The text of an internal or unknown error is never part of it.
func ProblemOf(err error) Problem {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = status.FromContextError(err).Err()
	}
	s, ok := status.FromError(err)
	if !ok {
		s = status.New(codes.Internal, "")
	}
	p := Problem{
		Status: runtime.HTTPStatusFromCode(s.Code()),
		Reason: codeName(s.Code()),
		Detail: s.Message(),
	}
	ours := p.addDetails(s)
	if s.Code() == codes.Unavailable && p.RetryAfter <= 0 {
		p.RetryAfter = time.Second
	}
	switch text, hide := plainText(s.Code()); {
	case isInternal(s.Code()):
		p.Reason, p.Detail, p.Remedy, p.Errors = codeName(codes.Internal), "internal error", "", nil
	case ours:
	case s.Code() == codes.ResourceExhausted:
		// A limit of Keystile's always says so itself; what is left is gRPC's
		// own limit on the size of a message.
		p.Status, p.Reason, p.Detail = http.StatusRequestEntityTooLarge, reasonBodyTooLarge, "the request is too large"
	case hide:
		p.Detail = text
	}
	return p
}

// addDetails reads the status details, and tells whether the error is ours.
func (p *Problem) addDetails(s *status.Status) (ours bool) {
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() != errorDomain {
				continue
			}
			ours = true
			p.Reason = d.GetReason()
			p.Remedy = d.GetMetadata()["remedy"]
			p.DecisionID = d.GetMetadata()["decision_id"]
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				p.Errors = append(p.Errors, FieldError{Field: v.GetField(), Message: v.GetDescription()})
			}
		case *errdetails.Help:
			if links := d.GetLinks(); len(links) > 0 {
				p.Type = links[0].GetUrl()
			}
		case *errdetails.RequestInfo:
			p.RequestID = d.GetRequestId()
		case *errdetails.RetryInfo:
			p.RetryAfter = max(d.GetRetryDelay().AsDuration(), time.Nanosecond)
		}
	}
	return ours
}

func isInternal(c codes.Code) bool {
	switch c {
	case codes.Unknown, codes.Internal, codes.DataLoss, codes.OK:
		return true
	default:
		return c > codes.Unauthenticated
	}
}

// plainText gives the words for codes that gRPC's own library raises too, whose
// text then speaks of connections and sockets.
func plainText(c codes.Code) (text string, hide bool) {
	switch c {
	case codes.Unavailable:
		return "the service is not available at the moment", true
	case codes.DeadlineExceeded:
		return "the call's time was up; whether it took effect is open", true
	case codes.Canceled:
		return "the call was cancelled", true
	case codes.Unimplemented:
		return "this call is not served here", true
	default:
		return "", false
	}
}
