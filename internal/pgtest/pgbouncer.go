package pgtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/keystile/keystile/internal/proctest"
)

// PgBouncer is a real PgBouncer in transaction mode.
type PgBouncer struct {
	server *proctest.Process
	folder string
	port   int
}

// StartPgBouncer starts a PgBouncer before the server that a URL names, for all
// of its databases. It has few connections, so that clients have to share, and
// ends with the test.
func StartPgBouncer(tb testing.TB, pgURL string) *PgBouncer {
	tb.Helper()
	b, err := startPgBouncer(pgURL)
	if err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	tb.Cleanup(func() {
		if err := errors.Join(b.server.End(syscall.SIGTERM), proctest.Remove(b.folder)); err != nil {
			tb.Errorf("pgtest: %v", err)
		}
	})
	return b
}

func startPgBouncer(pgURL string) (*PgBouncer, error) {
	found, err := source().Find("pgbouncer")
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(pgURL)
	if err != nil {
		return nil, fmt.Errorf("URL: %w", err)
	}
	folder, err := proctest.NewFolder(folderPrefix)
	if err != nil {
		return nil, err
	}
	b := &PgBouncer{folder: folder}
	for try := 0; ; try++ {
		if b.port, err = proctest.FreePort(); err == nil {
			err = b.launch(found[0], target, pgURL)
		}
		if err == nil {
			return b, nil
		}
		if try == 3 {
			return nil, errors.Join(err, proctest.Remove(folder))
		}
	}
}

func (b *PgBouncer) launch(path string, target *url.URL, pgURL string) error {
	// Everything but the pooling is left as it comes, above all which settings
	// a client may ask for when it connects: tests are to meet what operators have.
	text := fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
server_idle_timeout = 3
max_client_conn = 200
`, target.Hostname(), target.Port(), User, b.port)
	config := filepath.Join(b.folder, "pgbouncer.ini")
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil { //nolint:gosec // another user reads it, and it holds no secret
		return fmt.Errorf("configuration: %w", err)
	}
	server, err := proctest.Launch(b.folder, "pgbouncer.log", syscall.SIGKILL, path, config)
	if err != nil {
		return err
	}
	if err := awaitSQL(server, b.URL(pgURL)); err != nil {
		return err
	}
	b.server = server
	return nil
}

// URL gives the address of the same database through the PgBouncer.
func (b *PgBouncer) URL(pgURL string) string {
	through, err := url.Parse(pgURL)
	if err != nil {
		return pgURL
	}
	through.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port))
	return through.String()
}
