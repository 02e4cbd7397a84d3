package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/keystile/keystile/server/limits"
)

// RegisterLimits registers what tells how rate limits and quotas are decided.
func RegisterLimits(r prometheus.Registerer, stats func() limits.Stats) {
	counter := func(name, help string, labels prometheus.Labels, value func(limits.Stats) int64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value(stats())) }))
	}
	gauge := func(name, help string, labels prometheus.Labels, value func(limits.Stats) float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return value(stats()) }))
	}
	counter("keystile_limits_degraded_total", "Rate limits that were decided without what replicas share.", nil,
		func(s limits.Stats) int64 { return s.Degraded })
	counter("keystile_limits_full_total", "Checks that could not be decided because there was no room for another counter.", nil,
		func(s limits.Stats) int64 { return s.Full })
	gauge("keystile_limits_counters", "Counters that are kept in memory.", nil,
		func(s limits.Stats) float64 { return float64(s.Counters) })
	for name, side := range map[string]func(limits.Stats) limits.SideStats{
		"pool":   func(s limits.Stats) limits.SideStats { return s.Pool },
		"ledger": func(s limits.Stats) limits.SideStats { return s.Ledger },
	} {
		labels := prometheus.Labels{"side": name}
		counter("keystile_limits_trips_total", "Round trips to where replicas share limits: the pool of rate limits, and the ledger of quotas.", labels,
			func(s limits.Stats) int64 { return side(s).Calls })
		counter("keystile_limits_trips_failed_total", "Round trips without an answer.", labels,
			func(s limits.Stats) int64 { return side(s).Failed })
		gauge("keystile_limits_away", "1 while no check asks there, because it does not answer.", labels,
			func(s limits.Stats) float64 {
				if side(s).Away {
					return 1
				}
				return 0
			})
	}
}
