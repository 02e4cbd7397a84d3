package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is one of the processes under load.
type server struct {
	name      string
	addresses []string
	pid       int
	log       string
	process   *exec.Cmd
	ended     chan struct{}
}

// stage is what all servers have in common.
type stage struct {
	// work is a folder of the run's own.
	work string
	// pinned has servers run on CPU 0.
	pinned bool
	// gogc is the GOGC that servers run with; empty leaves each its own.
	gogc string
}

// start starts a server, and waits until it listens at every address. Its output
// goes to a file, shown when it fails.
func (g *stage) start(ctx context.Context, name string, addresses []string, command ...string) (*server, error) {
	if g.pinned {
		// taskset becomes the command it starts, so the process id holds.
		command = append([]string{"taskset", "-c", "0"}, command...)
	}
	s := &server{name: name, addresses: addresses, log: filepath.Join(g.work, name+".log"), ended: make(chan struct{})}
	output, err := os.OpenFile(s.log, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	s.process = exec.CommandContext(ctx, command[0], command[1:]...)
	s.process.Stdout, s.process.Stderr = output, output
	if g.gogc != "" {
		s.process.Env = append(os.Environ(), "GOGC="+g.gogc)
	}
	s.process.Cancel = func() error { return s.process.Process.Signal(syscall.SIGTERM) }
	s.process.WaitDelay = 10 * time.Second
	err = s.process.Start()
	if err := errors.Join(err, output.Close()); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	s.pid = s.process.Process.Pid
	go func() {
		// How it ended is in its log; that it ended is what matters here.
		_ = s.process.Wait()
		close(s.ended)
	}()
	for _, address := range addresses {
		if err := s.awaitListener(ctx, address, 30*time.Second); err != nil {
			s.stop()
			return nil, err
		}
	}
	return s, nil
}

func (s *server) awaitListener(ctx context.Context, address string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var dialer net.Dialer
	for {
		connection, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-s.ended:
			return s.failure(errors.New("it ended early"))
		case <-ctx.Done():
			return s.failure(fmt.Errorf("it does not listen: %w", err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// failure adds what the server wrote to an error about it.
func (s *server) failure(err error) error {
	written, readErr := os.ReadFile(s.log)
	return errors.Join(fmt.Errorf("%s: %w; it wrote:\n%s", s.name, err, written), readErr)
}

// stop ends the server; a process that has ended already is no error.
func (s *server) stop() {
	_ = s.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		_ = s.process.Process.Kill()
		<-s.ended
	}
}

// pinClient moves this process to CPU 1, so that servers on CPU 0 are measured
// alone. Without taskset or a second CPU it leaves everything as it is.
func pinClient(ctx context.Context) bool {
	if runtime.NumCPU() < 2 {
		return false
	}
	pid := strconv.Itoa(os.Getpid())
	if err := exec.CommandContext(ctx, "taskset", "-a", "-c", "-p", "1", pid).Run(); err != nil {
		return false
	}
	runtime.GOMAXPROCS(1)
	return true
}

// cpuTime reads how long a process has run on a CPU, in user and system mode.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	return parseCPUTime(string(stat))
}

// tick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

func parseCPUTime(stat string) (time.Duration, error) {
	// The second field is the command's name in parentheses and may hold
	// anything, so fields are counted from its last parenthesis.
	_, rest, ok := cutLast(stat, ")")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("not a process's stat: %q", stat)
	}
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime, fields 14 and 15
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("not a process's stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

func cutLast(s, separator string) (before, after string, found bool) {
	at := strings.LastIndex(s, separator)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(separator):], true
}

// freeAddress finds a loopback address that nothing listens on.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
