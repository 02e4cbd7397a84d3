package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// write writes the file of settings, and gives the arguments that a server starts
// with. A Sentinel writes to its file, so it is all's.
func (s *Server) write(mode, settings []string) ([]string, error) {
	lines := []string{
		fmt.Sprintf("port %d", s.port),
		"bind 127.0.0.1",
		"dir " + s.folder,
		"daemonize no",
		"protected-mode yes",
	}
	if len(mode) == 0 {
		lines = append(lines, `save ""`, "appendonly no")
	}
	lines = append(lines, settings...)
	path := filepath.Join(s.folder, "redis.conf")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil { //nolint:gosec // another user reads and writes it
		return nil, fmt.Errorf("settings: %w", err)
	}
	// The mask may have taken the right to write away.
	if err := os.Chmod(path, 0o666); err != nil { //nolint:gosec // as above
		return nil, fmt.Errorf("settings: %w", err)
	}
	return append([]string{path}, mode...), nil
}
