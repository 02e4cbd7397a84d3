package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Servers have one CPU for themselves; whoever asks, and Postgres, share the other.
const (
	serverCPU = 0
	clientCPU = 1
)

// tick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// pinClient moves this process to the clients' CPU. Without taskset or a second CPU
// it leaves everything as it is.
func pinClient(ctx context.Context) bool {
	if runtime.NumCPU() < 2 || pinTo(ctx, clientCPU, os.Getpid()) != nil {
		return false
	}
	runtime.GOMAXPROCS(1)
	return true
}

func pinTo(ctx context.Context, cpu, pid int) error {
	return exec.CommandContext(ctx, "taskset", "-a", "-c", "-p", strconv.Itoa(cpu), strconv.Itoa(pid)).Run()
}

// family gives a process and those that it has started.
func family(pid int) ([]int, error) {
	pids := []int{pid}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended since
		}
		if fields := statFields(string(stat)); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				return nil, err
			}
			pids = append(pids, child)
		}
	}
	return pids, nil
}

// statFields gives the fields of /proc/PID/stat from the third on. The second is
// the command's name in parentheses and may hold anything.
func statFields(stat string) []string {
	return strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
}

// cpuTime reads how long a process has run on a CPU, in user and system mode.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	fields := statFields(string(stat))
	if len(fields) < 13 {
		return 0, fmt.Errorf("not a process's stat: %q", stat)
	}
	return ticks(fields[11:13]) // utime and stime, fields 14 and 15
}

// busy reads for how long a CPU has run processes.
func busy(cpu int) (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return busyOf(string(stat), cpu)
}

func busyOf(stat string, cpu int) (time.Duration, error) {
	for line := range strings.Lines(stat) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != "cpu"+strconv.Itoa(cpu) {
			continue
		}
		return ticks(fields[1:4]) // user, nice and system
	}
	return 0, fmt.Errorf("no CPU %d in the kernel's figures", cpu)
}

func ticks(fields []string) (time.Duration, error) {
	var all int64
	for _, field := range fields {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("not a time in ticks: %w", err)
		}
		all += n
	}
	return time.Duration(all) * tick, nil
}

// memory is what a process has resident, now and at the most, in bytes.
type memory struct {
	Now  int64 `json:"now"`
	Peak int64 `json:"peak"`
}

func memoryOf(pid int) (m memory, err error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return m, err
	}
	if m.Now, err = kilobytes(string(status), "VmRSS:"); err != nil {
		return m, err
	}
	m.Peak, err = kilobytes(string(status), "VmHWM:")
	return m, err
}

func kilobytes(status, field string) (int64, error) {
	_, rest, ok := strings.Cut(status, field)
	words := strings.Fields(rest)
	if !ok || len(words) < 2 || words[1] != "kB" {
		return 0, fmt.Errorf("no %s in a process's status", field)
	}
	n, err := strconv.ParseInt(words[0], 10, 64)
	return n * 1024, err
}
