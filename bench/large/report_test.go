package main

import (
	"bytes"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

func marshalled(t *testing.T, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRatiosPairTheLoadsOfARound(t *testing.T) {
	loads := func(micros ...float64) (all []figures) {
		for _, m := range micros {
			all = append(all, figures{Calls: 1, CPUMicros: m, P99Micros: 2 * m, Throughput: 1})
		}
		return all
	}
	r := &report{Rounds: 3, Sizes: []*size{
		{Keys: 100, Loads: loads(10, 20, 40)},
		{Keys: 1000, Loads: loads(11, 26, 44)},
	}}
	// The medians of each side would give 26/20.
	if got := r.ratio(1, cpuOf); got < 1.099 || got > 1.101 {
		t.Errorf("got %v, want 1.1", got)
	}
	var table bytes.Buffer
	if err := r.print(&table); err != nil || !strings.Contains(table.String(), "1.10") || !strings.Contains(table.String(), "operations on the store: none") {
		t.Errorf("the table: %v\n%s", err, table.String())
	}
}

func TestCountOperations(t *testing.T) {
	page := `# HELP keystile_store_duration_seconds How long the store took.
keystile_store_duration_seconds_sum{operation="get_key",outcome="ok"} 0.5
keystile_store_duration_seconds_count{operation="changes_since",outcome="ok"} 40
keystile_store_duration_seconds_count{operation="get_key",outcome="error"} 2
keystile_store_duration_seconds_count{operation="get_key",outcome="ok"} 1e+06
`
	got, err := countOperations(page)
	want := map[string]int{"changes_since": 40, "get_key": 1_000_002}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if _, err := countOperations("go_goroutines 7\n"); err == nil {
		t.Error("a server that counts nothing: no error")
	}
}

func TestProcessFigures(t *testing.T) {
	fields := statFields("42 (a (strange) name) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 0 0")
	if fields[1] != "7" || fields[11] != "150" || fields[12] != "50" {
		t.Errorf("fields: got %v", fields)
	}
	stat := "cpu  9 9 9 9\ncpu0 1 2 3 400 5 6\ncpu1 100 20 3 400 5 6\nintr 5\n"
	if got, err := busyOf(stat, 1); err != nil || got != 1230*time.Millisecond {
		t.Errorf("CPU 1: got %v, %v", got, err)
	}
	if _, err := busyOf(stat, 2); err == nil {
		t.Error("a CPU that is not there: no error")
	}
	shared := uses{span: time.Second, server: 500 * time.Millisecond, client: 100 * time.Millisecond, serverCPU: 600 * time.Millisecond, clientCPU: 400 * time.Millisecond}
	if got := shared.disturbed(); got < 0.299 || got > 0.301 {
		t.Errorf("disturbed: got %v, want 0.3", got)
	}
	began := time.Now()
	for time.Since(began) < 60*time.Millisecond {
	}
	used, err := cpuTime(os.Getpid())
	if err != nil || used < 2*tick {
		t.Errorf("CPU: got %v, %v", used, err)
	}
	m, err := memoryOf(os.Getpid())
	if err != nil || m.Now < 1<<20 || m.Peak < m.Now {
		t.Errorf("memory: got %+v, %v", m, err)
	}
	if _, err := kilobytes("VmSize:\t12 kB\n", "VmRSS:"); err == nil {
		t.Error("a status without the field: no error")
	}
}
