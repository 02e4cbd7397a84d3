package client

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// secrets are many. They are never printed: whatever formats them gets
// "[redacted]".
type secrets struct{ all []string }

// Format hides them.
func (*secrets) Format(to fmt.State, _ rune) { _, _ = io.WriteString(to, "[redacted]") }

// readSecrets reads a secret from each line of a file that is not empty. An error
// names the line, and nothing of what stands in it.
func readSecrets(name string, t *Terminal) (*secrets, error) {
	file, err := openSecretFile(name, t)
	if err != nil {
		return nil, usagef("--keys: %w", err)
	}
	defer func() { _ = file.Close() }()
	text := &strings.Builder{}
	if known, ok := file.(fs.File); ok {
		if info, err := known.Stat(); err == nil && info.Mode().IsRegular() {
			text.Grow(int(info.Size()))
		}
	}
	if _, err := io.Copy(text, file); err != nil {
		return nil, usagef("--keys: %w", err)
	}
	out := &secrets{all: make([]string, 0, strings.Count(text.String(), "\n")+1)}
	number := 0
	for line := range strings.Lines(text.String()) {
		number++
		secret := trimNewlines(line)
		switch {
		case secret == "":
		case !sendable(secret):
			return nil, usagef("--keys: line %d can't be a key: printable ASCII without blanks, at most %d bytes", number, maxSecret)
		default:
			out.all = append(out.all, secret)
		}
	}
	if len(out.all) == 0 {
		return nil, usagef("--keys: there is no key in it")
	}
	return out, nil
}
