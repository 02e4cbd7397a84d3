package pgtest

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// shared is the cluster that all tests of a binary use, started by the first
// that asks for it.
type shared struct {
	mu      sync.Mutex
	open    bool
	cluster *Cluster
	err     error
}

// binary is one for the whole test binary, as TestMain is.
var binary shared //nolint:gochecknoglobals // TestMain and the tests share nothing else

// Main runs the tests of a package, and removes what NewDatabase started.
func Main(m *testing.M) {
	binary.mu.Lock()
	binary.open = true
	binary.mu.Unlock()
	code := m.Run()
	if err := binary.close(); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// NewDatabase makes an empty database on the binary's shared cluster, and gives
// its URL. It goes with the test.
func NewDatabase(tb testing.TB) string {
	tb.Helper()
	cluster, err := binary.get()
	if err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	return cluster.NewDatabase(tb)
}

func (s *shared) get() (*Cluster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return nil, fmt.Errorf("this package needs: func TestMain(m *testing.M) { pgtest.Main(m) }")
	}
	if s.cluster == nil && s.err == nil {
		s.cluster, s.err = start(Config{})
	}
	return s.cluster, s.err
}

func (s *shared) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = false
	if s.cluster == nil {
		return nil
	}
	return s.cluster.remove()
}
