package sqlstore

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/storage"
)

// BenchmarkCounters takes from counters on a Postgres that keeps what it is told. Read
// the figures as ratios to a bare round trip.
func BenchmarkCounters(b *testing.B) {
	cluster := pgtest.Start(b, pgtest.Config{Durable: true})
	s, err := OpenPostgres(b.Context(), PostgresConfig{URL: cluster.NewDatabase(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, _, err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	rates := func(first, n int) []storage.RateAsk {
		asks := make([]storage.RateAsk, n)
		for i := range asks {
			asks[i] = storage.RateAsk{ID: counterID(fmt.Sprint(first + i)), Interval: int64(time.Microsecond), Burst: 1_000_000, Want: 1, Least: 1}
		}
		return asks
	}
	quotas := func(first, n int) []storage.QuotaDraw {
		draws := make([]storage.QuotaDraw, n)
		for i := range draws {
			draws[i] = forever(fmt.Sprint(first+i), 1e15, 1)
		}
		return draws
	}
	var beyond atomic.Int64
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"a bare round trip", s.barely(b)},
		{"take of a rate", func() error { _, err := s.TakeRates(b.Context(), rates(0, 1)); return err }},
		{"take of 100 rates", func() error { _, err := s.TakeRates(b.Context(), rates(0, 100)); return err }},
		{"first take of a rate", func() error { _, err := s.TakeRates(b.Context(), rates(int(beyond.Add(1))+1000, 1)); return err }},
		{"look at a rate", func() error { _, err := s.LookRates(b.Context(), rates(0, 1)); return err }},
		{"take of a quota", func() error { _, err := s.TakeQuotas(b.Context(), quotas(0, 1)); return err }},
		{"take of 100 quotas", func() error { _, err := s.TakeQuotas(b.Context(), quotas(0, 100)); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := c.call(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+" from four sides", func(b *testing.B) {
			b.SetParallelism(2)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := c.call(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// barely gives a call that asks the database for nothing.
func (s *Store) barely(b *testing.B) func() error {
	b.Helper()
	return func() error {
		_, err := s.counters.ExecContext(b.Context(), "SELECT 1")
		return err //nolint:wrapcheck // a test's
	}
}
