package client

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/keystile/keystile/cmd/keystile/load"
)

// report prints what was measured, and says on stderr what keeps it from being
// the whole truth.
func (c *Bench) report(s *session, keys int, r *load.Result) error {
	if r.Measured == 0 {
		return unexpectedf("ended before anything was measured")
	}
	out := c.text(keys, r).String()
	if s.json {
		var err error
		if out, err = c.document(keys, r); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprint(s.Out, out); err != nil {
		return unexpectedf("writing the result: %w", err)
	}
	if r.Failed > 0 {
		s.note("keystile: warning: %d calls failed; the time they took is among the latencies.", r.Failed)
	}
	if r.Dropped > 0 {
		s.note("keystile: warning: %d calls were dropped, as they could not begin within %v of when they were due: this rate can't be held, and the latencies lack what those callers would have waited.", r.Dropped, c.Timeout)
	}
	if r.Answered == 0 {
		return answered(exitUnavailable, "UNAVAILABLE", "no call was answered")
	}
	return nil
}

// text is the result for people.
func (c *Bench) text(keys int, r *load.Result) parts {
	head := &sheet{}
	head.add("Server", c.Server)
	head.add("Load", c.loop())
	head.add("Keys", strconv.Itoa(keys)+c.chosen())
	measured := r.Measured.Round(time.Millisecond).String() + " after " + c.Warmup.String() + " of warm-up"
	if r.Interrupted {
		measured += ", ended early"
	}
	head.add("Measured", measured)
	head.add("Answers", fmt.Sprintf("%d, %.1f a second", r.Answered, r.PerSecond))
	head.add("Failed", strconv.FormatInt(r.Failed, 10))
	if c.Rate != nil {
		head.add("Dropped", strconv.FormatInt(r.Dropped, 10))
	}
	times := &table{{"MILLISECONDS", "MEAN", "P50", "P90", "P99", "P99.9", "MAX"}, timesRow("latency", r.Latency)}
	if c.Rate != nil {
		*times = append(*times, timesRow("of it, late start", r.Delay))
	}
	out := parts{head, line(""), times}
	all := r.Answered + r.Failed
	if r.Answered > 0 {
		out = append(out, line(""), countTable("VERDICT", r.Verdicts, all))
	}
	if r.Failed > 0 {
		out = append(out, line(""), countTable("ERROR", r.Errors, all))
	}
	return out
}

// loop says in words what kind of load it was.
func (c *Bench) loop() string {
	text := "closed loop, "
	if c.Rate != nil {
		text = "open loop of " + strconv.FormatFloat(*c.Rate, 'f', -1, 64) + " calls a second, at most "
	}
	text += strconv.Itoa(c.InFlight) + " in flight on "
	switch c.Connections {
	case 0:
		return text + "a connection each"
	case 1:
		return text + "1 connection"
	}
	return text + strconv.Itoa(c.Connections) + " connections"
}

// chosen says in words how keys were chosen.
func (c *Bench) chosen() string {
	if c.Zipf == nil {
		return ", each as likely as any other"
	}
	return ", by Zipf's law with the exponent " + strconv.FormatFloat(*c.Zipf, 'f', -1, 64)
}

func timesRow(name string, s load.Spread) []string {
	cells := []string{name}
	for _, d := range []time.Duration{s.Mean, s.P50, s.P90, s.P99, s.P999, s.Max} {
		cells = append(cells, strconv.FormatFloat(millis(d), 'f', 3, 64))
	}
	return cells
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// countTable shows the most frequent first.
func countTable(head string, of map[string]int64, all int64) *table {
	names := slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b))
	})
	out := &table{{head, "CALLS", "SHARE"}}
	for _, name := range names {
		*out = append(*out, []string{name, strconv.FormatInt(of[name], 10), fmt.Sprintf("%.2f%%", 100*float64(of[name])/float64(all))})
	}
	return out
}

// benchJSON is the result for programs. What a kind of load does not have is zero.
type benchJSON struct {
	Server           string           `json:"server"`
	Loop             string           `json:"loop"`
	RatePerSecond    float64          `json:"ratePerSecond"`
	InFlight         int              `json:"inFlight"`
	Connections      int              `json:"connections"`
	Keys             int              `json:"keys"`
	ZipfExponent     float64          `json:"zipfExponent"`
	WarmupSeconds    float64          `json:"warmupSeconds"`
	MeasuredSeconds  float64          `json:"measuredSeconds"`
	Interrupted      bool             `json:"interrupted"`
	Answered         int64            `json:"answered"`
	AnswersPerSecond float64          `json:"answersPerSecond"`
	Failed           int64            `json:"failed"`
	Dropped          int64            `json:"dropped"`
	LatencyMillis    spreadJSON       `json:"latencyMillis"`
	LateStartMillis  spreadJSON       `json:"lateStartMillis"`
	Verdicts         map[string]int64 `json:"verdicts"`
	Errors           map[string]int64 `json:"errors"`
}

type spreadJSON struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// document is the result for programs.
func (c *Bench) document(keys int, r *load.Result) (string, error) {
	out := benchJSON{
		Server: c.Server, Loop: "closed", InFlight: c.InFlight, Connections: c.Connections, Keys: keys,
		WarmupSeconds: c.Warmup.Seconds(), MeasuredSeconds: r.Measured.Round(time.Millisecond).Seconds(), Interrupted: r.Interrupted,
		Answered: r.Answered, AnswersPerSecond: r.PerSecond, Failed: r.Failed, Dropped: r.Dropped,
		LatencyMillis: spreadOf(r.Latency), LateStartMillis: spreadOf(r.Delay), Verdicts: r.Verdicts, Errors: r.Errors,
	}
	if c.Rate != nil {
		out.Loop, out.RatePerSecond = "open", *c.Rate
	}
	if c.Zipf != nil {
		out.ZipfExponent = *c.Zipf
	}
	if c.Connections == 0 {
		out.Connections = c.InFlight
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return "", unexpectedf("writing JSON: %w", err)
	}
	return string(text) + "\n", nil
}

func spreadOf(s load.Spread) spreadJSON {
	return spreadJSON{Mean: millis(s.Mean), P50: millis(s.P50), P90: millis(s.P90), P99: millis(s.P99), P999: millis(s.P999), Max: millis(s.Max)}
}
