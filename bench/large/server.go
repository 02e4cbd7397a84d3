package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// server is a keystile process under load.
type server struct {
	store     *store
	grpc, ops string
	pid       int
	pinned    bool
	log       string
	process   *exec.Cmd
	ended     chan struct{}
	// ready is how long it took until it answered checks, readyCPU how much of that
	// it ran.
	ready, readyCPU time.Duration
}

// stage is what all servers have in common.
type stage struct {
	binary string
	// work is a folder of the run's own.
	work string
	// pinned has servers run on CPU 0.
	pinned bool
	// patience is how long a server may take until it is ready.
	patience time.Duration
}

// start starts a server on a store, and waits until it is ready.
func (g *stage) start(ctx context.Context, s *store) (*server, error) {
	name := "keystile-" + strconv.Itoa(s.keys)
	var addresses [3]string
	for i := range addresses {
		var err error
		if addresses[i], err = freeAddress(ctx); err != nil {
			return nil, err
		}
	}
	v := &server{store: s, grpc: addresses[0], ops: addresses[2], pinned: g.pinned, log: filepath.Join(g.work, name+".log"), ended: make(chan struct{})}
	command := []string{
		g.binary, "serve", "--database-url", s.address,
		"--grpc-listen", addresses[0], "--http-listen", addresses[1], "--ops-listen", addresses[2],
		"--bootstrap-key-file", filepath.Join(g.work, name+".admin"), "--drain-delay", "0s",
	}
	if g.pinned {
		// taskset becomes the command it starts, so the process id holds.
		command = append([]string{"taskset", "-c", strconv.Itoa(serverCPU)}, command...)
	}
	output, err := os.OpenFile(v.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	v.process = exec.CommandContext(ctx, command[0], command[1:]...)
	v.process.Stdout, v.process.Stderr = output, output
	v.process.Cancel = func() error { return v.process.Process.Signal(syscall.SIGTERM) }
	v.process.WaitDelay = 10 * time.Second
	began := time.Now()
	err = v.process.Start()
	if err := errors.Join(err, output.Close()); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	v.pid = v.process.Process.Pid
	go func() {
		// How it ended is in its log; that it ended is what matters here.
		_ = v.process.Wait()
		close(v.ended)
	}()
	if err := v.await(ctx, g.patience); err != nil {
		v.stop()
		written, readErr := os.ReadFile(v.log)
		return nil, errors.Join(fmt.Errorf("%s: %w; it wrote:\n%s", name, err, written), readErr)
	}
	v.ready = time.Since(began)
	if v.readyCPU, err = cpuTime(v.pid); err != nil {
		v.stop()
		return nil, err
	}
	return v, nil
}

// await waits until the server says that it is ready.
func (v *server) await(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		_, err := get(ctx, "http://"+v.ops+"/readyz")
		if err == nil {
			return nil
		}
		select {
		case <-v.ended:
			return errors.New("it ended early")
		case <-ctx.Done():
			return fmt.Errorf("it does not get ready: %w", errors.Join(ctx.Err(), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the server; a process that has ended already is no error.
func (v *server) stop() {
	_ = v.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-v.ended:
	case <-time.After(20 * time.Second):
		_ = v.process.Process.Kill()
		<-v.ended
	}
}

// get gives what is answered with 200.
func get(ctx context.Context, url string) (body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if body, err = io.ReadAll(answer.Body); err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return body, nil
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
