package client

import (
	"context"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// maxRetries is how often a read that found nobody is made again.
const maxRetries = 3

// mayRepeat tells whether a call that failed may be made again without anybody
// noticing: a read, when the server was out of reach. A write is never repeated
// behind the person's back, and neither is a check, which costs.
func mayRepeat(method string, attempt int, err error) bool {
	if attempt >= maxRetries || status.Code(err) != codes.Unavailable {
		return false
	}
	// An explanation is a read whose question may hold a secret, which no
	// address may: it is no GET.
	if method == pb.DirectoryService_Explain_FullMethodName {
		return true
	}
	r, ok := routeOf(method)
	return ok && r.verb == http.MethodGet
}

// pauseAfter is how long to wait before the next attempt: 100, 200, 400 ms.
func pauseAfter(attempt int) time.Duration { return 100 * time.Millisecond << attempt }

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
