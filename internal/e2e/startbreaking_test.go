package e2e

import (
	"database/sql"
	"sync"
	"testing"
	"time"
)

// A server that starts while connections to Postgres break, at whatever step that
// finds it, waits and comes up.
func TestStartWhileConnectionsBreak(t *testing.T) {
	url := migrated(t)
	serve(t, "--database-url", url)
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var breaking sync.WaitGroup
	breaking.Go(func() {
		for until := time.Now().Add(2 * time.Second); time.Now().Before(until); {
			_, _ = db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		}
	})
	defer breaking.Wait()
	var servers []*server
	for range 6 {
		servers = append(servers, launch(t, "--database-url", url))
	}
	for _, s := range servers {
		s.ready(30 * time.Second)
	}
}
