package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// size is what was found out at one number of keys.
type size struct {
	Keys         int     `json:"keys"`
	Users        int     `json:"users"`
	ReadySeconds float64 `json:"ready_seconds"`
	ReadyCPU     float64 `json:"ready_cpu_seconds"`
	// Memory is what was resident when the server had just started, Loaded after the
	// loads.
	Memory      memory    `json:"memory_bytes"`
	BytesPerKey float64   `json:"bytes_per_key"`
	Loaded      memory    `json:"memory_bytes_loaded"`
	IdleCPU     float64   `json:"idle_cpu_cores"`
	Loads       []figures `json:"loads"`
}

// report is what a run found out.
type report struct {
	InFlight    int     `json:"in_flight"`
	Connections int     `json:"connections"`
	Rounds      int     `json:"rounds"`
	Pinned      bool    `json:"pinned"`
	Sizes       []*size `json:"sizes"`
	Unknown     flood   `json:"unknown_keys"`
}

// ratio is the median over the rounds of what one size costs beside the first.
func (r *report) ratio(n int, of func(figures) float64) float64 {
	var all []float64
	for round, f := range r.Sizes[n].Loads {
		all = append(all, of(f)/of(r.Sizes[0].Loads[round]))
	}
	return median(all)
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

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

func cpuOf(f figures) float64  { return f.CPUMicros }
func p99Of(f figures) float64  { return f.P99Micros }
func rateOf(f figures) float64 { return f.Throughput }

// json writes everything.
func (r *report) json(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// print writes tables for people.
func (r *report) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "keys\tusers\tready, s\ton the CPU, s\tresident, MiB\tbytes a key\tpeak, MiB\tafter loads, MiB\tidle CPU\t\n")
	for _, z := range r.Sizes {
		fmt.Fprintf(table, "%d\t%d\t%.1f\t%.1f\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f %%\t\n", z.Keys, z.Users, z.ReadySeconds, z.ReadyCPU,
			mebibytes(z.Memory.Now), z.BytesPerKey, mebibytes(z.Memory.Peak), mebibytes(z.Loaded.Now), 100*z.IdleCPU)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if r.Rounds > 0 {
		fmt.Fprintf(out, "\nCheckKey of random keys, %d in flight on %d connections, medians of %d rounds\n\n", r.InFlight, r.Connections, r.Rounds)
		table = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(table, "keys\tserver CPU a call, us\tratio\tp99, us\tratio\tcalls per second\t\n")
		for n, z := range r.Sizes {
			of := func(figure func(figures) float64) float64 {
				var all []float64
				for _, f := range z.Loads {
					all = append(all, figure(f))
				}
				return median(all)
			}
			fmt.Fprintf(table, "%d\t%.2f\t%.2f\t%.0f\t%.2f\t%.0f\t\n", z.Keys, of(cpuOf), r.ratio(n, cpuOf), of(p99Of), r.ratio(n, p99Of), of(rateOf))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	u := r.Unknown
	fmt.Fprintf(out, "\nUnknown keys: %d asked about, %.1f million a minute; operations on the store: %s; memory grew by %.1f MiB in the second half.\n",
		u.Keys, u.KeysPerMinute/1e6, none(u.Store), mebibytes(u.Grown))
	where := "Servers ran on CPU 0; the client and Postgres on CPU 1."
	if !r.Pinned {
		where = "Nothing was pinned (it takes taskset and two CPUs): servers, client and Postgres shared the machine."
	}
	_, err := fmt.Fprintf(out, "%s Others took up to %.0f %% of a CPU during a load.\n", where, 100*r.disturbed())
	return err
}

// disturbed is how much the most disturbed load was.
func (r *report) disturbed() (most float64) {
	for _, z := range r.Sizes {
		for _, f := range z.Loads {
			most = max(most, f.Disturbed)
		}
	}
	return most
}

func none(operations map[string]int) string {
	if len(operations) == 0 {
		return "none"
	}
	return fmt.Sprint(operations)
}
