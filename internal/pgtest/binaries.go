package pgtest

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// binEnv names a folder that is searched before all others.
const binEnv = "KEYSTILE_TEST_POSTGRES_BIN"

// findAll gives the paths of programs that stand in one folder together.
func findAll(names ...string) ([]string, error) {
	for _, folder := range folders() {
		paths := make([]string, 0, len(names))
		for _, name := range names {
			path, err := exec.LookPath(filepath.Join(folder, name))
			if err != nil {
				break
			}
			paths = append(paths, path)
		}
		if len(paths) == len(names) {
			return paths, nil
		}
	}
	return nil, fmt.Errorf("no %s on this machine: run scripts/test-deps.sh, or apt-get install postgresql pgbouncer, or name their folder in %s",
		strings.Join(names, " and "), binEnv)
}

// folders lists where programs may be, best first.
func folders() []string {
	var all []string
	if named := os.Getenv(binEnv); named != "" {
		all = append(all, named)
	}
	all = append(all, filepath.SplitList(os.Getenv("PATH"))...)
	// Debian keeps the server's programs out of PATH, one folder a version.
	versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(versions, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	all = append(all, versions...)
	all = append(all, "/usr/sbin", "/usr/local/sbin", "/usr/local/bin")
	if root := moduleRoot(); root != "" {
		all = append(all, filepath.Join(root, ".cache", "deps", "bin"))
	}
	return slices.DeleteFunc(all, func(folder string) bool { return !filepath.IsAbs(folder) })
}

func version(bin string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	if err != nil {
		return 0
	}
	return n
}

// moduleRoot walks up to the folder of go.mod; tests run in their package's.
func moduleRoot() string {
	folder, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		up := filepath.Dir(folder)
		if up == folder {
			return ""
		}
		folder = up
	}
}
