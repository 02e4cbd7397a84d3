package house

import (
	"strconv"
	"strings"
	"testing"
)

// room is one row of the import table: a folder, with all below it that has
// no row of its own, and what it may import beside the standard library and
// itself. .golangci.yml holds the same table for editors; this test holds it
// wherever Go runs.
type room struct {
	dir      string
	ours     []string // folders of this module, each without those below it
	theirs   []string // module paths, each with everything below it
	anything bool     // the one place that wires
	tests    bool     // serves tests: what ships must not import it
	not      []string // parts of the standard library that are refused here
}

var table = []room{
	{
		dir: "api/keystile/v1",
		theirs: []string{
			"google.golang.org/grpc", "google.golang.org/protobuf",
			"google.golang.org/genproto", "github.com/grpc-ecosystem/grpc-gateway/v2", "github.com/planetscale/vtprotobuf",
		},
	},
	{
		dir: "storage",
		not: []string{"database/sql", "net/http", "os"},
	},
	{
		dir:    "storage/sqlstore",
		ours:   []string{"storage"},
		theirs: []string{"github.com/jmoiron/sqlx", "github.com/lib/pq", "modernc.org/sqlite", "github.com/pressly/goose/v3", "golang.org/x/sys"},
	},
	{
		dir:    "storage/storagetest",
		tests:  true,
		ours:   []string{"storage"},
		theirs: []string{"github.com/google/go-cmp", "pgregory.net/rapid", "go.uber.org/goleak"},
	},
	{
		// The decision: no context, clock, input or output, log, randomness.
		// log/slog is allowed for one thing, the LogValue that hides a secret.
		dir:  "server/access",
		ours: []string{"storage"},
		not: []string{
			"context", "crypto/rand", "database/sql", "log", "math/rand", "math/rand/v2",
			"net", "net/http", "os", "os/exec", "runtime", "sync", "syscall", "testing",
		},
	},
	{
		dir:    "server/mirror",
		ours:   []string{"storage", "server/access", "server/mirror/slab"},
		theirs: []string{"golang.org/x/sync"},
		not:    []string{"database/sql", "net/http"},
	},
	{
		// Records off the Go heap; it knows storage's records, and nothing of what they
		// mean.
		dir:    "server/mirror/slab",
		ours:   []string{"storage"},
		theirs: []string{"golang.org/x/sys"},
		not:    []string{"database/sql", "net/http"},
	},
	{
		// What replicas share, kept by the store that it is given.
		dir:  "server/limits/storepool",
		ours: []string{"storage", "server/access", "server/limits"},
		not:  []string{"database/sql", "net", "net/http", "os"},
	},
	{
		// It counts, and asks the Pool and the Ledger that it is given.
		dir:  "server/limits",
		ours: []string{"storage", "server/access"},
		not:  []string{"database/sql", "net", "net/http", "os"},
	},
	{
		// The one place that speaks with Redis, and of nothing but limits.
		dir:    "server/limits/redispool",
		ours:   []string{"server/access", "server/limits"},
		theirs: []string{"github.com/redis/go-redis/v9"},
		not:    []string{"database/sql", "net/http"},
	},
	{
		dir:    "server/limits/pooltest",
		tests:  true,
		ours:   []string{"server/access", "server/limits"},
		theirs: []string{"pgregory.net/rapid"},
	},
	{
		dir:  "server",
		ours: []string{"server/access", "server/limits", "server/limits/storepool", "server/mirror", "server/plainhttp", "storage", "api/keystile/v1"},
		theirs: []string{
			"google.golang.org/grpc", "google.golang.org/protobuf", "google.golang.org/genproto",
			"github.com/grpc-ecosystem", "github.com/envoyproxy/go-control-plane",
			"github.com/prometheus", "go.opentelemetry.io",
			"golang.org/x/net", "golang.org/x/sync", "github.com/swaggest/swgui",
		},
		not: []string{"database/sql"},
	},
	{
		// Standard library alone: whoever changes what listeners trust sees all of it.
		dir: "server/certs",
		not: []string{"database/sql", "net/http"},
	},
	{
		// Standard library alone: whoever changes how requests are read sees all of it.
		dir: "server/plainhttp",
		not: []string{"database/sql"},
	},
	{dir: "cmd/keystile", anything: true},
	{
		dir:    "bench",
		ours:   []string{"api/keystile/v1"},
		theirs: []string{"google.golang.org/grpc", "google.golang.org/protobuf", "github.com/envoyproxy/go-control-plane"},
	},
	{
		// It starts a Postgres of its own, as tests do.
		dir:    "bench/large",
		tests:  true,
		ours:   []string{"api/keystile/v1", "internal/pgtest", "server/access"},
		theirs: []string{"google.golang.org/protobuf", "github.com/lib/pq"},
	},
	{dir: "internal/errordocs", ours: []string{"server/access"}},
	{dir: "internal/house", tests: true},
	{dir: "internal/proctest", tests: true},
	{dir: "internal/pgtest", tests: true, ours: []string{"internal/proctest"}, theirs: []string{"github.com/lib/pq"}},
	{dir: "internal/redistest", tests: true, ours: []string{"internal/proctest"}, theirs: []string{"github.com/redis/go-redis/v9"}},
	{dir: "internal/gateways", tests: true},
	{
		dir:   "internal/chaos",
		tests: true,
		ours:  []string{"api/keystile/v1", "internal/pgtest", "internal/redistest", "server/access", "storage"},
		theirs: []string{
			"google.golang.org/grpc", "google.golang.org/protobuf", "github.com/lib/pq",
			"github.com/anishathalye/porcupine", "github.com/Shopify/toxiproxy/v2", "github.com/rs/zerolog",
		},
	},
	{dir: "internal/tlstest", tests: true},
	{dir: "internal/e2e", tests: true, ours: []string{"internal/pgtest", "internal/redistest", "internal/tlstest"}},
	{dir: "internal/readme", tests: true, ours: []string{"internal/pgtest"}, theirs: []string{"golang.org/x/sys"}},
}

// roomOf finds the row a folder belongs to: the longest that leads to it.
func roomOf(dir string) (room, bool) {
	var best room
	found := false
	for _, r := range table {
		if within(dir, r.dir) && len(r.dir) >= len(best.dir) {
			best, found = r, true
		}
	}
	return best, found
}

// within tells whether a slash-separated path is another one or lies below it.
func within(p, parent string) bool {
	return p == parent || strings.HasPrefix(p, parent+"/")
}

// judge says why an import is refused, or nothing.
func (r room) judge(imported string) string {
	for _, refused := range r.not {
		if imported == refused {
			return "refused in " + r.dir
		}
	}
	if owner, ok := roomOf(strings.TrimPrefix(imported, modulePath+"/")); ok && owner.tests && !r.tests {
		return "for tests alone"
	}
	if r.anything {
		return ""
	}
	if imported == modulePath || strings.HasPrefix(imported, modulePath+"/") {
		dir := strings.TrimPrefix(strings.TrimPrefix(imported, modulePath), "/")
		if owner, ok := roomOf(dir); ok && owner.dir == r.dir {
			return ""
		}
		for _, allowed := range r.ours {
			if dir == allowed {
				return ""
			}
		}
		return "not in the row of " + r.dir
	}
	if isStandard(imported) {
		return ""
	}
	for _, allowed := range r.theirs {
		if within(imported, allowed) {
			return ""
		}
	}
	return "not in the row of " + r.dir
}

// isStandard goes by the rule of the go command: no dot in the first part.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func TestEveryPackageImportsOnlyWhatItsRowAllows(t *testing.T) {
	src := readSource(t)
	for _, file := range src.files {
		r, ok := roomOf(file.dir())
		if !ok {
			t.Errorf("%s: no row of the import table covers %s; decide what it may import and add one", file.path, file.dir())
			continue
		}
		// Tests wire what they test, so only what ships is held to the table.
		if file.isTest() {
			continue
		}
		for _, spec := range file.syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if why := r.judge(imported); why != "" {
				t.Errorf("%s: imports %s: %s", src.position(spec.Pos()), imported, why)
			}
		}
	}
}

// The table must bite: each of these was once somebody's shortcut.
func TestTheTableRefuses(t *testing.T) {
	for _, c := range []struct{ dir, imported string }{
		{"storage", "github.com/lib/pq"},
		{"storage", modulePath + "/server/access"},
		{"storage/sqlstore/migrations", modulePath + "/server"},
		{"storage/storagetest", modulePath + "/storage/sqlstore"},
		{"server/limits", modulePath + "/server/limits/pooltest"},
		{"server/access", "context"},
		{"server/access", "google.golang.org/grpc"},
		{"server/access", modulePath + "/server/mirror"},
		{"server/mirror", modulePath + "/server"},
		{"server", modulePath + "/storage/sqlstore"},
		{"server", modulePath + "/cmd/keystile"},
		{"server", "github.com/lib/pq"},
		{"server", "github.com/redis/go-redis/v9"},
		{"server/limits", "github.com/redis/go-redis/v9"},
		{"cmd/keystile", modulePath + "/internal/pgtest"},
		{"internal/house", "golang.org/x/tools/go/packages"},
	} {
		r, ok := roomOf(c.dir)
		if !ok {
			t.Errorf("%s has no row", c.dir)
			continue
		}
		if r.judge(c.imported) == "" {
			t.Errorf("%s may import %s, and should not", c.dir, c.imported)
		}
	}
}
