package client

import (
	"context"
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
	switch method {
	case pb.KeyService_GetKey_FullMethodName,
		pb.KeyService_ListKeys_FullMethodName,
		pb.DirectoryService_GetTenant_FullMethodName,
		pb.DirectoryService_GetUser_FullMethodName,
		pb.AuditService_ListAuditEvents_FullMethodName,
		pb.AuditService_VerifyAuditChain_FullMethodName,
		pb.AuditService_GetAuditHead_FullMethodName:
		return true
	}
	return false
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
