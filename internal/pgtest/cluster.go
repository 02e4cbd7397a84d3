package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver that pgtest asks whether the server is up with

	"github.com/keystile/keystile/internal/proctest"
)

// User is who every database belongs to; no password is asked for.
const User = "keystile"

// Config says how a cluster runs.
type Config struct {
	// Durable keeps fsync on, as tests of a crash want it. The zero value is
	// fast and survives nothing.
	Durable bool
	// Settings are more settings of the server, as name=value.
	Settings []string
}

// Cluster is a private Postgres server with its own data folder.
type Cluster struct {
	config Config
	folder string
	binary string
	port   int

	mu        sync.Mutex
	server    *proctest.Process
	databases int
}

// Start starts a cluster that ends with the test.
func Start(tb testing.TB, config Config) *Cluster {
	tb.Helper()
	c, err := start(config)
	if err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	tb.Cleanup(func() {
		if err := c.remove(); err != nil {
			tb.Errorf("pgtest: %v", err)
		}
	})
	return c
}

func start(config Config) (*Cluster, error) {
	found, err := source().Find("postgres", "initdb")
	if err != nil {
		return nil, err
	}
	folder, err := proctest.NewFolder(folderPrefix)
	if err != nil {
		return nil, err
	}
	c := &Cluster{config: config, folder: folder, binary: found[0]}
	if err := proctest.Run(folder, found[1], "--pgdata="+c.data(), "--username="+User, "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"); err != nil {
		return nil, errors.Join(err, proctest.Remove(folder))
	}
	for try := 0; ; try++ {
		if c.port, err = proctest.FreePort(); err == nil {
			err = c.launch()
		}
		if err == nil {
			return c, nil
		}
		if try == 3 {
			return nil, errors.Join(err, proctest.Remove(folder))
		}
	}
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

// launch starts the server and waits until it answers.
func (c *Cluster) launch() error {
	args := []string{
		"-D", c.data(), "-p", strconv.Itoa(c.port), "-k", c.folder,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", "-c", "shared_buffers=32MB",
		"-c", "timezone=GMT", "-c", "log_timezone=GMT", "-c", "autovacuum=off",
	}
	if !c.config.Durable {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	for _, setting := range c.config.Settings {
		args = append(args, "-c", setting)
	}
	server, err := proctest.Launch(c.folder, "postgres.log", syscall.SIGQUIT, c.binary, args...)
	if err != nil {
		return err
	}
	if err := awaitSQL(server, c.URL("postgres")); err != nil {
		return err
	}
	c.server = server
	return nil
}

// awaitSQL waits until a server answers, and ends it when it doesn't.
func awaitSQL(server *proctest.Process, url string) error {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer func() { _ = db.Close() }()
	for until := time.Now().Add(60 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if server.Ended() {
			return fmt.Errorf("%s ended at once: %s", server.Path(), server.Tail())
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err = db.ExecContext(ctx, "SELECT 1")
		cancel()
		if err == nil {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("%s does not answer: %w: %s", server.Path(), err, server.Tail()), server.End(syscall.SIGKILL))
}

// URL gives the address of a database, over the loopback.
func (c *Cluster) URL(database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", User, c.port, database)
}

// SocketURL gives the address of a database, over the unix socket.
func (c *Cluster) SocketURL(database string) string {
	return fmt.Sprintf("host=%s port=%d user=%s dbname=%s", c.folder, c.port, User, database)
}

// NewDatabase makes an empty database that goes with the test, and gives its URL.
func (c *Cluster) NewDatabase(tb testing.TB) string {
	tb.Helper()
	c.mu.Lock()
	c.databases++
	name := "test_" + strconv.Itoa(c.databases)
	c.mu.Unlock()
	if err := c.exec("CREATE DATABASE " + name); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	tb.Cleanup(func() {
		c.mu.Lock()
		up := c.server != nil
		c.mu.Unlock()
		if !up {
			return
		}
		if err := c.exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			tb.Errorf("pgtest: %v", err)
		}
	})
	return c.URL(name)
}

func (c *Cluster) exec(statement string) error {
	db, err := sql.Open("postgres", c.URL("postgres"))
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// Stop shuts the server down in an orderly way, ending every connection.
func (c *Cluster) Stop(tb testing.TB) {
	tb.Helper()
	c.halt(tb, func(p *proctest.Process) error { return p.End(syscall.SIGINT) })
}

// Kill ends the server as a crash would.
func (c *Cluster) Kill(tb testing.TB) {
	tb.Helper()
	c.halt(tb, (*proctest.Process).Crash)
}

func (c *Cluster) halt(tb testing.TB, end func(*proctest.Process) error) {
	tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return
	}
	if err := end(c.server); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	c.server = nil
}

// Restart starts a stopped or killed server again, on its data and its port.
func (c *Cluster) Restart(tb testing.TB) {
	tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != nil {
		return
	}
	// After a kill the server's other processes need a moment to go, and hold
	// its shared memory until then.
	var err error
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if err = c.launch(); err == nil {
			return
		}
	}
	tb.Fatalf("pgtest: restart: %v", err)
}

func (c *Cluster) remove() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.server != nil {
		// Nothing is kept, so nothing needs an orderly end.
		err = c.server.End(syscall.SIGQUIT)
		c.server = nil
	}
	return errors.Join(err, proctest.Remove(c.folder))
}
