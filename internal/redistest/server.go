package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/keystile/keystile/internal/proctest"
)

const folderPrefix = "keystile-redistest-"

func source() proctest.Source {
	return proctest.Source{Env: "KEYSTILE_TEST_REDIS_BIN", Packages: "redis-server"}
}

// Server is one Redis.
type Server struct {
	binary, folder string
	port           int
	// args come after those that all servers have.
	args    []string
	process *proctest.Process
}

// Start starts a Redis that ends with the test. Settings are as in redis.conf, such
// as "requirepass secret".
func Start(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s, err := start(nil, settings)
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.remove(); err != nil {
			tb.Errorf("redistest: %v", err)
		}
	})
	return s
}

// start starts a server: one that keeps nothing, or, with a mode such as --sentinel,
// one that reads its settings from a file.
func start(mode, settings []string) (*Server, error) {
	found, err := source().Find("redis-server")
	if err != nil {
		return nil, err
	}
	folder, err := proctest.NewFolder(folderPrefix)
	if err != nil {
		return nil, err
	}
	s := &Server{binary: found[0], folder: folder}
	for try := 0; ; try++ {
		if s.port, err = proctest.FreePort(); err == nil {
			s.args, err = s.write(mode, settings)
		}
		if err == nil {
			err = s.launch()
		}
		if err == nil {
			return s, nil
		}
		if try == 3 {
			return nil, errors.Join(err, proctest.Remove(folder))
		}
	}
}

// launch starts the server and waits until it answers.
func (s *Server) launch() error {
	process, err := proctest.Launch(s.folder, "redis.log", syscall.SIGKILL, s.binary, s.args...)
	if err != nil {
		return err
	}
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if process.Ended() {
			return fmt.Errorf("%s ended at once: %s", s.binary, process.Tail())
		}
		connection, refused := net.DialTimeout("tcp", s.Addr(), time.Second)
		if err = refused; err != nil {
			continue
		}
		_ = connection.Close()
		// One that wants a password answers too.
		var said redis.Error
		if _, err = s.do("PING"); err == nil || errors.As(err, &said) && !strings.HasPrefix(said.Error(), "LOADING") {
			s.process = process
			return nil
		}
	}
	return errors.Join(fmt.Errorf("%s does not answer: %w: %s", s.binary, err, process.Tail()), process.End(syscall.SIGKILL))
}

// Addr gives the address, as host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Do runs a command on a server that wants no password.
func (s *Server) Do(tb testing.TB, command ...any) any {
	tb.Helper()
	answer, err := s.do(command...)
	if err != nil {
		tb.Fatalf("redistest: %v: %v", command, err)
	}
	return answer
}

func (s *Server) do(command ...any) (any, error) {
	client := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, DisableIdentity: true, DialerRetries: 1, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answer, err := client.Do(ctx, command...).Result()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Addr(), err)
	}
	return answer, nil
}

// Pause stops the server where it is: it still holds its connections, and answers
// nothing.
func (s *Server) Pause(tb testing.TB) {
	tb.Helper()
	s.signal(tb, syscall.SIGSTOP)
}

// Resume lets a paused server go on.
func (s *Server) Resume(tb testing.TB) {
	tb.Helper()
	s.signal(tb, syscall.SIGCONT)
}

func (s *Server) signal(tb testing.TB, signal syscall.Signal) {
	tb.Helper()
	if err := s.process.Signal(signal); err != nil {
		tb.Fatalf("redistest: %v", err)
	}
}

// Kill ends the server as a crash would. What it knew is gone.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	if err := s.end(); err != nil {
		tb.Fatalf("redistest: %v", err)
	}
}

func (s *Server) end() error {
	if s.process == nil {
		return nil
	}
	err := s.process.End(syscall.SIGKILL)
	s.process = nil
	return err
}

// Restart starts a killed server again, on its port.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	if err := s.launch(); err != nil {
		tb.Fatalf("redistest: %v", err)
	}
}

func (s *Server) remove() error { return errors.Join(s.end(), proctest.Remove(s.folder)) }
