package limits

// Stats count what an engine does. Counts run since it began.
type Stats struct {
	// Counters is how many are kept now.
	Counters int
	// Degraded counts limits that were decided without the pool, Full calls that could
	// not be decided for want of room.
	Degraded, Full int64
	Pool, Ledger   SideStats
}

// SideStats are of one place where replicas share.
type SideStats struct {
	// Calls counts round trips, and Failed those without an answer.
	Calls, Failed int64
	// Away is true while no check asks.
	Away bool
}

// Stats gives the counts of this moment.
func (e *Engine) Stats() Stats {
	s := Stats{Degraded: e.degraded.Load(), Full: e.full.Load(), Ledger: e.ledger.stats()}
	if !e.alone {
		s.Pool = e.pool.stats()
	}
	for i := range e.table.shards {
		shard := &e.table.shards[i]
		shard.mu.Lock()
		s.Counters += shard.cells
		shard.mu.Unlock()
	}
	return s
}

func (s *side) stats() SideStats {
	return SideStats{Calls: s.trips.Load(), Failed: s.failed.Load(), Away: s.breaker.open()}
}
