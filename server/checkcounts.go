package server

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keystile/keystile/server/access"
)

// checkCounts count decided checks by door and reason. They are plain numbers, and
// become metrics when somebody reads them: a counter object for each pair would be
// walked through by the collector while checks wait.
type checkCounts struct {
	desc   *prometheus.Desc
	counts [len(checkDoors)][256]atomic.Uint64
}

// checkDoors are the doors that decide checks, as metrics name them. What comes by
// none of these counts for the last.
var checkDoors = [...]string{doorGRPC, doorREST, doorEnvoy, doorExtAuthz, doorForwardAuth, doorAuthRequest, "other"}

func newCheckCounts() *checkCounts {
	return &checkCounts{desc: prometheus.NewDesc("keystile_checks_total", "Decided checks by door and reason.", []string{"door", "reason"}, nil)}
}

// at gives the counter of a reason at a door.
func (c *checkCounts) at(door string, reason access.Reason) *atomic.Uint64 {
	i := 0
	for i < len(checkDoors)-1 && checkDoors[i] != door {
		i++
	}
	return &c.counts[i][reason]
}

// Describe tells what is collected.
func (c *checkCounts) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect gives every pair, so that what has not happened yet stands at 0.
func (c *checkCounts) Collect(out chan<- prometheus.Metric) {
	for i, door := range checkDoors {
		for _, e := range access.Entries() {
			n := c.counts[i][e.Reason].Load()
			out <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(n), door, e.Name)
		}
	}
}
