package server

import (
	"context"
	"errors"
	"time"
)

// Run does what goes on beside the calls until ctx ends: it writes refused calls
// to the audit trail, keeps refusals for explanation, notes times of use, and
// forgets what is past its time. What is left at the end is written within the
// time that last gives.
func (s *Service) Run(ctx context.Context, last time.Duration) {
	often := time.NewTicker(refusalsFlush)
	defer often.Stop()
	usage := time.NewTicker(usageFlush)
	defer usage.Stop()
	forget := time.NewTicker(forgetEvery)
	defer forget.Stop()
	for {
		select {
		case <-often.C:
			s.flushRefusals(ctx, false)
			s.flushDecisions(ctx)
		case <-usage.C:
			s.flushUsage(ctx)
		case <-forget.C:
			s.forgetDecisions(ctx)
			s.forgetCounters(ctx)
		case <-ctx.Done():
			s.lastFlush(ctx, last)
			return
		}
	}
}

// lastFlush writes what is left, after ctx has ended.
func (s *Service) lastFlush(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	s.flushRefusals(ctx, true)
	s.flushDecisions(ctx)
	s.flushUsage(ctx)
}

func (s *Service) forgetDecisions(ctx context.Context) {
	if err := s.store.ForgetDecisions(ctx, s.now().Add(-s.decisionRetention)); err != nil {
		s.log.WarnContext(ctx, "old refusals stay in the store for now", "error", err)
	}
}

// forgetCounters has the store forget what it counts of limits and needs no more.
func (s *Service) forgetCounters(ctx context.Context) {
	if err := errors.Join(s.store.ForgetRates(ctx), s.store.ForgetQuotas(ctx)); err != nil {
		s.log.WarnContext(ctx, "counters of limits stay in the store for now", "error", err)
	}
}
