package server

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/keystile/keystile/server/mirror"
)

// Health says whether a server lives, and whether it can answer. The zero value
// is not ready, and alive.
type Health struct {
	// Freshness tells how old the in-memory copy is.
	Freshness func() mirror.Freshness
	// LastSync tells when the sync loop last ended a round, whatever came of it;
	// the zero time before the first.
	LastSync func() time.Time
	// StuckAfter is how long a round may take before the process counts as
	// stuck; zero never.
	StuckAfter time.Duration
	// Now is the clock.
	Now func() time.Time

	draining atomic.Bool
}

// Drain makes the server not ready, for good.
func (h *Health) Drain() { h.draining.Store(true) }

// healthReport is what /readyz and /healthz answer.
type healthReport struct {
	Status string `json:"status"`
	// Cause says why, when the status is not "ok".
	Cause      string  `json:"cause,omitempty"`
	Revision   int64   `json:"revision"`
	AgeSeconds float64 `json:"ageSeconds"`
}

// Ready tells whether checks can be answered, and if not, why.
func (h *Health) Ready() (bool, string) {
	f := h.Freshness()
	switch {
	case h.draining.Load():
		return false, "shutting down"
	case !f.Ready:
		return false, "the store has not been read yet"
	case !f.Fresh:
		return false, "the store has been out of reach for longer than the staleness bound"
	}
	return true, ""
}

// Alive tells whether the process still works at all. A store out of reach is
// no reason to be restarted; a sync loop that stands still is.
func (h *Health) Alive() (bool, string) {
	if last := h.LastSync(); h.StuckAfter > 0 && !last.IsZero() && h.Now().Sub(last) > h.StuckAfter {
		return false, "the sync loop is stuck"
	}
	return true, ""
}

// NewOps makes the handler of the operations listener.
func NewOps(h *Health, metrics prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.Handle("GET /healthz", h.page(h.Alive))
	mux.Handle("GET /readyz", h.page(h.Ready))
	return mux
}

func (h *Health) page(ask func() (bool, string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		ok, cause := ask()
		f := h.Freshness()
		report := healthReport{Status: "ok", Cause: cause, Revision: f.Revision, AgeSeconds: f.Age.Seconds()}
		status := http.StatusOK
		if !ok {
			report.Status, status = "unavailable", http.StatusServiceUnavailable
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(report)
	})
}
