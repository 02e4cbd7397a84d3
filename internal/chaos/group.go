package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver that connections are dropped with
	"google.golang.org/grpc/metadata"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/internal/redistest"
)

// Where the keys of a run belong.
const (
	tenantID = "chaos"
	userID   = "monkey"
)

// group is the replicas, their links, and the store.
type group struct {
	config  *Config
	cluster *pgtest.Cluster
	// databaseURL leads to the store directly.
	databaseURL string
	links       [replicas]*link
	// redis is nil where rate limits are shared through Postgres, and paths are the
	// replicas' links to it.
	redis *redistest.Server
	paths [replicas]*link
	// redisDead is true while Redis is killed. The nemesis alone looks at it.
	redisDead bool
	// random decides how processes are started.
	random *rand.Rand
	folder string
	starts int
	// root is the administrator's secret.
	root string

	// unlucky is when a write by a replica last had no answer, since the start.
	unlucky [replicas]atomic.Int64

	since func() time.Duration

	mu        sync.Mutex
	processes [replicas]*process
	// losses are when counters of rate limits were lost.
	losses []span
}

// newGroup starts everything, and waits until every replica decides.
func newGroup(tb testing.TB, config *Config) *group {
	tb.Helper()
	g := &group{
		config: config, folder: tb.TempDir(), random: rand.New(rand.NewPCG(config.Seed, 1)), //nolint:gosec // replayable, guards nothing
		// A connection that goes silent before it has said who it is would keep
		// Postgres from stopping for as long as it may take to say so.
		cluster: pgtest.Start(tb, pgtest.Config{Durable: true, Settings: []string{"authentication_timeout=3s"}}),
	}
	g.databaseURL = g.cluster.NewDatabase(tb)
	if config.Redis {
		g.redis = redistest.Start(tb)
	}
	tb.Cleanup(g.end)
	if err := g.start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return g
}

func (g *group) start(ctx context.Context) error {
	if err := command(ctx, g.config.Binary, "migrate", "--database-url", g.databaseURL); err != nil {
		return err
	}
	upstream, err := url.Parse(g.databaseURL)
	if err != nil {
		return fmt.Errorf("the database's URL: %w", err)
	}
	for r := range replicas {
		if g.links[r], err = newLink(fmt.Sprintf("replica %d", r), upstream.Host); err != nil {
			return err
		}
		if g.redis == nil {
			continue
		}
		if g.paths[r], err = newLink(fmt.Sprintf("replica %d to Redis", r), g.redis.Addr()); err != nil {
			return err
		}
	}
	// The first makes the administrator, and the others find it.
	if err := g.launch(0); err != nil {
		return err
	}
	for until := time.Now().Add(startTimeout); g.root == ""; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(g.rootFile())
		if err != nil && time.Now().After(until) {
			return fmt.Errorf("the first secret: %w", err)
		}
		g.root = strings.TrimSpace(string(text))
	}
	for r := 1; r < replicas; r++ {
		if err := g.launch(r); err != nil {
			return err
		}
	}
	if err := g.awaitDeciding(ctx, startTimeout); err != nil {
		return err
	}
	return g.furnish(ctx)
}

func (g *group) rootFile() string { return filepath.Join(g.folder, "root") }

// launch starts the next process of a replica.
func (g *group) launch(r int) error {
	databaseURL, err := g.links[r].through(g.databaseURL)
	if err != nil {
		return err
	}
	args := []string{
		"--database-url", databaseURL, "--max-staleness", g.config.Lease.String(), "--propagation-timeout", "700ms",
		"--bootstrap-key-file", g.rootFile(), "--db-connect-timeout", "2s", "--db-statement-timeout", "3s", "--db-lock-timeout", "2s",
	}
	if g.redis != nil {
		args = append(args, "--redis-url", "redis://"+g.paths[r].proxy.Listen+"/0")
	}
	// Wakes only make things faster.
	if g.random.IntN(4) == 0 {
		args = append(args, "--no-notify")
	}
	g.starts++
	p, err := launch(g.starts, g.config.Binary, filepath.Join(g.folder, fmt.Sprintf("replica-%d-%d.log", r, g.starts)), args...)
	g.mu.Lock()
	g.processes[r] = p
	g.mu.Unlock()
	return err
}

// process gives the process that a replica is at the moment.
func (g *group) process(r int) *process {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.processes[r]
}

// asRoot adds the administrator's credential to calls.
func (g *group) asRoot(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+g.root)
}

// awaitDeciding waits until every replica decides checks.
func (g *group) awaitDeciding(ctx context.Context, within time.Duration) error {
	until := time.Now().Add(within)
	for r := range replicas {
		for {
			call, cancel := context.WithTimeout(ctx, time.Second)
			answer, err := g.process(r).keys.CheckKey(call, &pb.CheckKeyRequest{Key: g.root})
			cancel()
			if err == nil && answer.GetAllowed() {
				break
			}
			if time.Now().After(until) || ctx.Err() != nil {
				return fmt.Errorf("replica %d does not decide within %s: %s: %w", r, within, answer.GetReason(), err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// furnish makes the tenant and the user that keys belong to.
func (g *group) furnish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(g.asRoot(ctx), startTimeout)
	defer cancel()
	dirs := g.process(0).dirs
	_, err := dirs.CreateTenant(ctx, &pb.CreateTenantRequest{Tenant: &pb.Tenant{Id: tenantID}})
	if err == nil {
		_, err = dirs.CreateUser(ctx, &pb.CreateUserRequest{User: &pb.User{
			Id: userID, TenantId: tenantID, Kind: pb.User_SERVICE_ACCOUNT, Roles: []string{"developer"},
		}})
	}
	if err != nil {
		return fmt.Errorf("furnishing the store: %w", err)
	}
	return g.furnishMarket(ctx, kinds())
}

// drop ends connections to the store: all of them, or those that carry wakes.
func (g *group) drop(ctx context.Context, all bool) error {
	db, err := sql.Open("postgres", g.databaseURL)
	if err != nil {
		return fmt.Errorf("dropping connections: %w", err)
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := db.ExecContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND ($1 OR application_name = 'keystile-listen')`, all); err != nil {
		return fmt.Errorf("dropping connections: %w", err)
	}
	return nil
}

// healAll makes everything whole.
func (g *group) healAll(tb testing.TB) error {
	tb.Helper()
	g.cluster.Restart(tb)
	if g.redis != nil {
		g.reviveRedis(tb)
	}
	var err error
	for r := range replicas {
		err = errors.Join(err, g.links[r].heal())
		if g.redis != nil {
			err = errors.Join(err, g.paths[r].heal())
		}
		p := g.process(r)
		if p.leaving {
			p.kill()
		}
		select {
		case <-p.done:
			err = errors.Join(err, g.launch(r))
		default:
			err = errors.Join(err, p.signal(syscall.SIGCONT))
		}
	}
	return err
}

// end ends every process.
func (g *group) end() {
	for r := range replicas {
		if p := g.process(r); p != nil {
			p.kill()
		}
		for _, l := range []*link{g.links[r], g.paths[r]} {
			if l != nil {
				l.cut()
			}
		}
	}
}

// killRedis ends Redis without notice.
func (g *group) killRedis(tb testing.TB) {
	tb.Helper()
	g.losing(func() { g.redis.Kill(tb) })
	g.redisDead = true
}

// reviveRedis has Redis run, whether it was killed or paused.
func (g *group) reviveRedis(tb testing.TB) {
	tb.Helper()
	if g.redisDead {
		g.redis.Restart(tb)
		g.redisDead = false
		return
	}
	g.redis.Resume(tb)
}

// losing does what loses counters of rate limits, and notes when.
func (g *group) losing(what func()) {
	from := g.since()
	what()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.losses = append(g.losses, span{from, g.since()})
}

func (g *group) lostCounters() []span {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.losses)
}
