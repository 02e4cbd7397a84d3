package redistest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/proctest"
)

// Cluster is a Redis Cluster whose masters share the slots evenly.
type Cluster struct {
	Masters []*Server
	// bus is the port that each speaks with the others on.
	bus []int
}

const (
	masters = 3
	slots   = 16384
)

// StartCluster starts a Redis Cluster of three masters that ends with the test.
func StartCluster(tb testing.TB, settings ...string) *Cluster {
	tb.Helper()
	c := &Cluster{}
	tb.Cleanup(func() {
		if err := c.remove(); err != nil {
			tb.Errorf("redistest: %v", err)
		}
	})
	// Somebody may take a port before it is used, or the masters miss each other.
	for try := 0; ; try++ {
		err := c.start(settings)
		if err == nil {
			return c
		}
		if try == 2 {
			tb.Fatalf("redistest: %v", err)
		}
		if err := c.remove(); err != nil {
			tb.Fatalf("redistest: %v", err)
		}
	}
}

func (c *Cluster) remove() error {
	var all error
	for _, s := range c.Masters {
		all = errors.Join(all, s.remove())
	}
	c.Masters, c.bus = nil, nil
	return all
}

func (c *Cluster) start(settings []string) error {
	for range masters {
		// The usual one, 10,000 above the server's, need not be a port at all.
		bus, err := proctest.FreePort()
		if err != nil {
			return err
		}
		s, err := start(nil, append([]string{
			"cluster-enabled yes",
			"cluster-node-timeout 1000",
			fmt.Sprintf("cluster-port %d", bus),
		}, settings...))
		if err != nil {
			return err
		}
		c.Masters, c.bus = append(c.Masters, s), append(c.bus, bus)
	}
	for i, s := range c.Masters {
		commands := [][]any{
			{"CLUSTER", "SET-CONFIG-EPOCH", i + 1},
			{"CLUSTER", "ADDSLOTSRANGE", i * slots / masters, (i+1)*slots/masters - 1},
			{"CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(c.Masters[0].port), strconv.Itoa(c.bus[0])},
		}
		if i == 0 {
			commands = commands[:2]
		}
		for _, command := range commands {
			if _, err := s.do(command...); err != nil {
				return err
			}
		}
	}
	return c.await(10 * time.Second)
}

// await waits until every master knows that the cluster is whole.
func (c *Cluster) await(most time.Duration) error {
	var err error
	for until := time.Now().Add(most); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if err = c.whole(); err == nil {
			return nil
		}
	}
	return err
}

func (c *Cluster) whole() error {
	for _, s := range c.Masters {
		info, err := s.do("CLUSTER", "INFO")
		if err != nil {
			return err
		}
		text := fmt.Sprint(info)
		if !strings.Contains(text, "cluster_state:ok") || !strings.Contains(text, fmt.Sprintf("cluster_known_nodes:%d", masters)) {
			nodes, _ := s.do("CLUSTER", "NODES")
			return fmt.Errorf("%s: the cluster does not come together: %s%v", s.Addr(), text, nodes)
		}
	}
	return nil
}

// Await waits until every master knows that the cluster is whole, as after one of
// them was away.
func (c *Cluster) Await(tb testing.TB) {
	tb.Helper()
	if err := c.await(30 * time.Second); err != nil {
		tb.Fatalf("redistest: %v", err)
	}
}

// Addrs gives the addresses of all masters, as host:port,host:port.
func (c *Cluster) Addrs() string {
	addrs := make([]string, 0, len(c.Masters))
	for _, s := range c.Masters {
		addrs = append(addrs, s.Addr())
	}
	return strings.Join(addrs, ",")
}
