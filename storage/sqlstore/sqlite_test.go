package sqlstore

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/keystile/keystile/storage"
)

func TestSQLiteFilesAreTheirOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "keystile.db")
	s := openFile(t, path, Options{})
	if _, err := s.Write(t.Context(), func(tx storage.Tx) error {
		return tx.CreateTenant(&storage.Tenant{ID: "acme", State: storage.TenantActive})
	}); err != nil {
		t.Fatal(err)
	}
	for _, each := range []struct {
		path string
		want os.FileMode
	}{
		{path, 0o600},
		{path + "-wal", 0o600},
		{path + "-shm", 0o600},
		{path + ".lock", 0o600},
		{filepath.Dir(path), 0o700},
		{filepath.Dir(filepath.Dir(path)), 0o700},
	} {
		info, err := os.Stat(each.path)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := info.Mode().Perm(); got != each.want {
			t.Errorf("%s: got mode %o, want %o", each.path, got, each.want)
		}
	}
}

func TestSQLiteTakesRightsAwayFromOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keystile.db")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	openFile(t, path, Options{})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v; want 600", info.Mode().Perm(), err)
	}
}

func TestSQLiteIsDurable(t *testing.T) {
	s := openSQLite(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		if got := read[string](t, s, "PRAGMA "+pragma); got != want {
			t.Errorf("%s: got %s, want %s", pragma, got, want)
		}
	}
	if got := read[string](t, s, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity_check: got %s", got)
	}
}

func TestSQLitePathsAreTakenAsTheyAre(t *testing.T) {
	for _, name := range []string{"a b.db", "a?b=c.db", "a%20b.db", "a#b.db", "ü.db", ":memory:", "file:x?mode=memory"} {
		path := filepath.Join(t.TempDir(), name)
		s := openFile(t, path, Options{})
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: no data in the file: %v, %v", name, info, err)
		}
	}
}

func TestSQLiteFileIsHeldOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keystile.db")
	first, err := OpenSQLite(t.Context(), SQLiteConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		_, err = OpenSQLite(t.Context(), SQLiteConfig{Path: name})
		inUse, ok := errors.AsType[*InUseError](err)
		if !ok || inUse.Holder != strconv.Itoa(os.Getpid()) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s, opened twice: got error %v, want one that names the file and the holder", name, err)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	openFile(t, path, Options{})
}

func TestSQLiteLockEndsWithItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keystile.db")
	cmd, lines := startChild(t, "hold", path)
	if !lines.Scan() {
		t.Fatal("the child said nothing")
	}
	_, err := OpenSQLite(t.Context(), SQLiteConfig{Path: path})
	inUse, ok := errors.AsType[*InUseError](err)
	if !ok || inUse.Holder != strconv.Itoa(cmd.Process.Pid) {
		t.Errorf("while another process holds it: got error %v, want one that names process %d", err, cmd.Process.Pid)
	}
	kill(t, cmd)
	openFile(t, path, Options{})
}

// startChild runs this test binary again for a task of crash_test.go.
func startChild(t *testing.T, task, target string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childTask+"="+task, childTarget+"="+target)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewScanner(out)
}

// kill ends a child as nothing can be prepared for.
func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = cmd.Process.Wait()
}
