package pgtest_test

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
)

func TestMain(m *testing.M) {
	if os.Getenv("PGTEST_CHILD") != "" {
		child()
	}
	pgtest.Main(m)
}

func query(t *testing.T, url, text string) string {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got string
	if err := db.QueryRowContext(ctx, text).Scan(&got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return got
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	one, two := pgtest.NewDatabase(t), pgtest.NewDatabase(t)
	first := query(t, one, "SELECT current_database()")
	second := query(t, two, "SELECT current_database()")
	if first == second {
		t.Errorf("both are %s", first)
	}
	if got := query(t, one, "SHOW fsync"); got != "off" {
		t.Errorf("fsync: got %s, want off", got)
	}
}

func TestPgBouncerPoolsTransactions(t *testing.T) {
	url := pgtest.NewDatabase(t)
	through := pgtest.StartPgBouncer(t, url).URL(url)
	if got, want := query(t, through, "SELECT current_database()"), query(t, url, "SELECT current_database()"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestClusterStopsCrashesAndComesBack(t *testing.T) {
	c := pgtest.Start(t, pgtest.Config{Durable: true})
	url := c.NewDatabase(t)
	if got := query(t, url, "SHOW fsync"); got != "on" {
		t.Errorf("fsync: got %s, want on", got)
	}
	query(t, url, "CREATE TABLE kept (n BIGINT); INSERT INTO kept VALUES (7) RETURNING n")
	c.Stop(t)
	c.Restart(t)
	c.Kill(t)
	c.Restart(t)
	if got := query(t, url, "SELECT n FROM kept"); got != "7" {
		t.Errorf("got %s, want 7", got)
	}
}

// child starts a cluster, says where it is, and waits to be killed.
func child() {
	t := &testing.T{}
	c := pgtest.Start(t, pgtest.Config{})
	_, _ = os.Stdout.WriteString(c.SocketURL("postgres") + "\n")
	select {}
}

func TestServerDiesWithAKilledTestBinary(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PGTEST_CHILD=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 512)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	folder := strings.TrimPrefix(strings.Fields(string(line[:n]))[0], "host=")
	text, err := os.ReadFile(filepath.Join(folder, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	server, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	for range 200 {
		if syscall.Kill(server, 0) != nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the server %d outlived the test binary", server)
}
