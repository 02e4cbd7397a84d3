package chaos

import (
	"context"
	"fmt"
	"slices"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// trail is what the audit trail holds of a run, by the ids of the requests.
type trail map[string]*pb.AuditEvent

// readTrail reads the trail to its end. It is whole, and no request is in it twice.
func (g *group) readTrail(ctx context.Context) (trail, error) {
	ctx, cancel := context.WithTimeout(g.asRoot(ctx), startTimeout)
	defer cancel()
	audit := g.process(0).audit
	out := trail{}
	for request := (&pb.ListAuditEventsRequest{TenantId: tenantID, PageSize: 1000}); ; {
		page, err := audit.ListAuditEvents(ctx, request)
		if err != nil {
			return nil, fmt.Errorf("reading the audit trail: %w", err)
		}
		for _, e := range page.GetAuditEvents() {
			if e.GetOutcome() != pb.AuditEvent_DONE {
				continue
			}
			if out[e.GetRequestId()] != nil {
				return nil, fmt.Errorf("request %s was carried out twice", e.GetRequestId())
			}
			out[e.GetRequestId()] = e
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
	}
	whole, err := audit.VerifyAuditChain(ctx, &pb.VerifyAuditChainRequest{TenantId: tenantID})
	if err != nil || !whole.GetComplete() {
		return nil, fmt.Errorf("the audit chain does not hold: %s: %w", whole.GetProblem(), err)
	}
	return out, nil
}

// compare tells what became of the writes that had no answer: those of which the
// trail tells took effect before the time at which it had been read, and in the end
// the others have not at all. It gives the writes that were acknowledged, and left
// no trace.
func (h *History) compare(t trail, at time.Duration, last bool) (lost []string) {
	for _, k := range h.Keys() {
		k.mu.Lock()
		for i := range k.ops {
			op := &k.ops[i]
			recorded := op.isWrite() && t[op.Request] != nil
			switch {
			case op.Outcome == Done && op.Changed && !recorded:
				lost = append(lost, fmt.Sprintf("key %s: %s", k.ID, op))
			case op.isWrite() && op.Outcome == Open && recorded:
				op.Outcome, op.Return = Happened, at
			}
		}
		if last {
			k.ops = slices.DeleteFunc(k.ops, func(o Op) bool { return o.isWrite() && o.Outcome == Open })
		}
		k.mu.Unlock()
	}
	return lost
}
