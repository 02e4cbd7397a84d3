package server

import (
	"runtime"
	"runtime/debug"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/mirror"
)

// Metrics are what the server counts. They name methods, doors, codes and
// reasons, and never a tenant, a user, a key or a secret.
type Metrics struct {
	calls           *prometheus.CounterVec
	duration        *prometheus.HistogramVec
	inFlight        *prometheus.GaugeVec
	checks          *checkCounts
	undecided       *prometheus.CounterVec
	stale           prometheus.Counter
	refusalsDropped prometheus.Counter
	panics          prometheus.Counter
	storeDuration   *prometheus.HistogramVec
	syncs           *prometheus.CounterVec
	syncDuration    *prometheus.HistogramVec
	unreadable      prometheus.Gauge

	quickCheck, quickBatch, quickEnvoy *quickCalls
	// doors are the counters of the doors over HTTP, by their names.
	doors map[string]*quickCalls
}

// NewMetrics makes the metrics and registers them; nil registers nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	quick := prometheus.ExponentialBuckets(0.0001, 2.5, 13)
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keystile_calls_total", Help: "Calls by door, method and gRPC code.",
		}, []string{"door", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keystile_call_duration_seconds", Help: "How long calls took, by door and method; of checks one in 64 is timed.", Buckets: quick,
		}, []string{"door", "method"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "keystile_calls_in_flight", Help: "Calls under way, by door.",
		}, []string{"door"}),
		checks: newCheckCounts(),
		undecided: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keystile_checks_undecided_total", Help: "Checks that could not be decided, by door.",
		}, []string{"door"}),
		stale: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keystile_checks_stale_total", Help: "Checks decided past the staleness bound, as --on-stale=allow has it.",
		}),
		refusalsDropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keystile_audit_refusals_dropped_total", Help: "Refused calls left out of the audit trail because too many kinds waited.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keystile_panics_total", Help: "Calls that ended in a panic.",
		}),
		storeDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keystile_store_duration_seconds", Help: "How long the store took, by operation and outcome.", Buckets: quick,
		}, []string{"operation", "outcome"}),
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keystile_mirror_syncs_total", Help: "Looks at the store, by kind and outcome.",
		}, []string{"kind", "outcome"}),
		syncDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keystile_mirror_sync_duration_seconds", Help: "How long looks at the store took, by kind.", Buckets: quick,
		}, []string{"kind"}),
		unreadable: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keystile_mirror_unreadable_records", Help: "Records that the last snapshot or change could not read; their keys are refused.",
		}),
	}
	m.quickCheck = m.newQuickCalls(doorGRPC, pb.KeyService_CheckKey_FullMethodName)
	m.quickBatch = m.newQuickCalls(doorGRPC, pb.KeyService_CheckKeys_FullMethodName)
	m.quickEnvoy = m.newQuickCalls(doorEnvoy, authv3.Authorization_Check_FullMethodName)
	m.doors = make(map[string]*quickCalls)
	for _, door := range []string{doorExtAuthz, doorForwardAuth, doorAuthRequest} {
		m.doors[door] = m.newQuickCalls(door, door)
	}
	if r != nil {
		r.MustRegister(m.calls, m.duration, m.inFlight, m.checks, m.undecided, m.stale, m.refusalsDropped,
			m.panics, m.storeDuration, m.syncs, m.syncDuration, m.unreadable)
	}
	return m
}

// RegisterBuildInfo registers a gauge that names the build.
func RegisterBuildInfo(r prometheus.Registerer, version string) {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "keystile_build_info", Help: "Always 1; its labels name the build.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "go": runtime.Version()},
	})
	g.Set(1)
	r.MustRegister(g)
}

// RegisterFreshness registers gauges that show how old the in-memory copy is.
func RegisterFreshness(r prometheus.Registerer, fresh func() mirror.Freshness) {
	gauge := func(name, help string, value func(mirror.Freshness) float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return value(fresh()) }))
	}
	gauge("keystile_mirror_age_seconds", "Time since the last successful sync began.",
		func(f mirror.Freshness) float64 { return f.Age.Seconds() })
	gauge("keystile_mirror_lease_left_seconds", "For how long checks go on if no sync succeeds.",
		func(f mirror.Freshness) float64 { return f.Left.Seconds() })
	gauge("keystile_mirror_revision", "The change-log position that checks are decided at.",
		func(f mirror.Freshness) float64 { return float64(f.Revision) })
}

// ObserveStore counts an operation of the store.
func (m *Metrics) ObserveStore(operation string, took time.Duration, err error) {
	m.storeDuration.WithLabelValues(operation, outcome(err)).Observe(took.Seconds())
}

// ObserveSync counts a sync of the in-memory copy.
func (m *Metrics) ObserveSync(r mirror.SyncReport) {
	kind := "changes"
	if r.Snapshot {
		kind = "snapshot"
	}
	m.syncs.WithLabelValues(kind, outcome(r.Err)).Inc()
	m.syncDuration.WithLabelValues(kind).Observe(r.Took.Seconds())
	if r.Snapshot && r.Err == nil || r.Unreadable > 0 {
		m.unreadable.Set(float64(r.Unreadable))
	}
}

func (m *Metrics) call(c *callInfo, code codes.Code, took time.Duration) {
	m.calls.WithLabelValues(c.door, c.method, code.String()).Inc()
	m.duration.WithLabelValues(c.door, c.method).Observe(took.Seconds())
}

func (m *Metrics) check(door string, reason access.Reason) { m.checks.at(door, reason).Add(1) }

// tally counts checks by their reasons.
type tally [256]uint64

// checked counts many checks.
func (m *Metrics) checked(door string, t *tally) {
	for reason, n := range t {
		if n > 0 {
			m.checks.at(door, access.Reason(reason)).Add(n)
		}
	}
}

func outcome(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}
