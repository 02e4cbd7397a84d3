package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// report is what a comparison found, in the order of its rounds.
type report struct {
	title, rival string

	InFlight    int  `json:"in_flight"`
	Connections int  `json:"connections"`
	Rounds      int  `json:"rounds"`
	Pinned      bool `json:"pinned"`
	CPUs        int  `json:"cpus"`
	// GOGC is what both sides ran with; empty: each with its own.
	GOGC          string `json:"gogc"`
	RequestBytes  int    `json:"request_bytes"`
	ResponseBytes int    `json:"response_bytes"`

	BareRounds     []figures `json:"bare_rounds"`
	KeystileRounds []figures `json:"keystile_rounds"`

	Bare     figures `json:"bare_median"`
	Keystile figures `json:"keystile_median"`
	// Ratios pair the loads of one round; each is the median of its rounds.
	Ratio ratios `json:"keystile_to_bare"`
}

// ratios say how many times the bare server's figure Keystile's is.
type ratios struct {
	CPU        float64 `json:"server_cpu_per_call"`
	CPULeast   float64 `json:"server_cpu_per_call_least"`
	CPUMost    float64 `json:"server_cpu_per_call_most"`
	Throughput float64 `json:"throughput"`
	P50        float64 `json:"p50"`
	P99        float64 `json:"p99"`
}

func (r *report) add(bare, keystile figures) {
	r.BareRounds = append(r.BareRounds, bare)
	r.KeystileRounds = append(r.KeystileRounds, keystile)
}

// finish fills in the medians and ratios.
func (r *report) finish() {
	r.Bare, r.Keystile = medianFigures(r.BareRounds), medianFigures(r.KeystileRounds)
	ratio := func(of func(figures) float64) []float64 {
		var all []float64
		for i := range r.BareRounds {
			all = append(all, of(r.KeystileRounds[i])/of(r.BareRounds[i]))
		}
		return all
	}
	cpu := ratio(func(f figures) float64 { return f.CPUMicros })
	r.Ratio = ratios{
		CPU: median(cpu), CPULeast: slices.Min(cpu), CPUMost: slices.Max(cpu),
		Throughput: median(ratio(func(f figures) float64 { return f.Throughput })),
		P50:        median(ratio(func(f figures) float64 { return f.P50Micros })),
		P99:        median(ratio(func(f figures) float64 { return f.P99Micros })),
	}
}

func medianFigures(rounds []figures) figures {
	of := func(field func(figures) float64) float64 {
		var all []float64
		for _, f := range rounds {
			all = append(all, field(f))
		}
		return median(all)
	}
	return figures{
		Calls:      int(of(func(f figures) float64 { return float64(f.Calls) })),
		Throughput: of(func(f figures) float64 { return f.Throughput }),
		CPUMicros:  of(func(f figures) float64 { return f.CPUMicros }),
		CPUBusy:    of(func(f figures) float64 { return f.CPUBusy }),
		P50Micros:  of(func(f figures) float64 { return f.P50Micros }),
		P99Micros:  of(func(f figures) float64 { return f.P99Micros }),
	}
}

// median of at least one value; of an even number, the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// print writes the table for people.
func (r *report) print(out io.Writer) error {
	fmt.Fprintf(out, "\n%s, %d in flight on %d connections, %d B asked, %d B answered, medians of %d rounds\n\n",
		r.title, r.InFlight, r.Connections, r.RequestBytes, r.ResponseBytes, r.Rounds)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\t%s\tkeystile\tratio\t\n", r.rival)
	row := func(name, format string, bare, keystile, ratio float64) {
		fmt.Fprintf(table, "%s\t"+format+"\t"+format+"\t%.2f\t\n", name, bare, keystile, ratio)
	}
	row("server CPU per call, us", "%.1f", r.Bare.CPUMicros, r.Keystile.CPUMicros, r.Ratio.CPU)
	row("calls per second", "%.0f", r.Bare.Throughput, r.Keystile.Throughput, r.Ratio.Throughput)
	row("p50, us", "%.0f", r.Bare.P50Micros, r.Keystile.P50Micros, r.Ratio.P50)
	row("p99, us", "%.0f", r.Bare.P99Micros, r.Keystile.P99Micros, r.Ratio.P99)
	row("server CPUs busy", "%.2f", r.Bare.CPUBusy, r.Keystile.CPUBusy, r.Keystile.CPUBusy/r.Bare.CPUBusy)
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nThe CPU ratio lay between %.2f and %.2f.\n", r.Ratio.CPULeast, r.Ratio.CPUMost)
	return err
}

// printReading says, below the tables, how far to trust them.
func printReading(out io.Writer, p plan, pinned bool) error {
	gogc := "All servers ran with GOGC=" + p.gogc + "."
	if p.gogc == "" {
		gogc = "Each server ran with its own GOGC: keystile sets a higher one, and collects garbage less often."
	}
	where := "Servers ran on CPU 0, the client on CPU 1."
	if !pinned {
		where = "Nothing was pinned (it takes taskset and two CPUs): servers and client shared the machine."
	}
	_, err := fmt.Fprintf(out, `
The CPU ratio is the figure to trust: a client over gRPC is a grpc-go client that
costs about what a bare server does, so rates and latencies say as much about it as
about a server. Over HTTP the client is a small one, and says less.
%s
%s
`, where, gogc)
	return err
}
