package proctest

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

// Source is where programs come from.
type Source struct {
	// Env is a variable that names a folder which is searched before all others.
	Env string
	// Packages are those of Debian that bring them, apart by spaces.
	Packages string
}

// Find gives the paths of programs that stand in one folder together.
func (s Source) Find(names ...string) ([]string, error) {
	for _, folder := range s.folders() {
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
	return nil, fmt.Errorf("no %s on this machine: run scripts/test-deps.sh, or apt-get install %s, or name their folder in %s",
		strings.Join(names, " and "), s.Packages, s.Env)
}

// folders lists where programs may be, best first.
func (s Source) folders() []string {
	var all []string
	if named := os.Getenv(s.Env); named != "" {
		all = append(all, named)
	}
	all = append(all, filepath.SplitList(os.Getenv("PATH"))...)
	// Debian keeps Postgres' programs out of PATH, one folder a version.
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
