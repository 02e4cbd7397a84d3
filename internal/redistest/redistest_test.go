package redistest_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/redistest"
)

func TestMain(m *testing.M) {
	if os.Getenv("REDISTEST_CHILD") != "" {
		s := redistest.Start(&testing.T{})
		_, _ = os.Stdout.WriteString(s.Addr() + "\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestServerPausesCrashesAndComesBack(t *testing.T) {
	s := redistest.Start(t)
	s.Do(t, "SET", "a", "1")
	s.Pause(t)
	connection, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = fmt.Fprint(connection, "GET a\r\n")
	_ = connection.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	reader := bufio.NewReader(connection)
	if line, err := reader.ReadString('\n'); err == nil {
		t.Errorf("a paused server says %q", line)
	}
	s.Resume(t)
	_ = connection.SetReadDeadline(time.Now().Add(20 * time.Second))
	if line, err := reader.ReadString('\n'); err != nil || line != "$1\r\n" {
		t.Errorf("got %q, %v", line, err)
	}
	s.Kill(t)
	if _, err := net.Dial("tcp", s.Addr()); err == nil {
		t.Error("a killed server listens")
	}
	s.Restart(t)
	if got := s.Do(t, "EXISTS", "a"); got != int64(0) {
		t.Errorf("it kept %v", got)
	}
}

func TestClusterSharesItsSlots(t *testing.T) {
	c := redistest.StartCluster(t)
	owners := map[string]bool{}
	for _, slot := range c.Masters[2].Do(t, "CLUSTER", "SLOTS").([]any) {
		owner := slot.([]any)[2].([]any)
		owners[fmt.Sprintf("%v:%v", owner[0], owner[1])] = true
	}
	for _, s := range c.Masters {
		if !owners[s.Addr()] || !strings.Contains(c.Addrs(), s.Addr()) {
			t.Errorf("%s is not among %v and %s", s.Addr(), owners, c.Addrs())
		}
	}
}

func TestSentinelMakesTheReplicaMaster(t *testing.T) {
	w := redistest.StartSentinel(t)
	w.Master.Kill(t)
	for range 600 {
		if role := w.Replica.Do(t, "ROLE").([]any); role[0] == "master" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the replica is no master")
}

func TestServerDiesWithAKilledTestBinary(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "REDISTEST_CHILD=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for range 200 {
		connection, err := net.Dial("tcp", strings.TrimSpace(line))
		if err != nil {
			return
		}
		_ = connection.Close()
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the server outlives the test binary")
}
