package client

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Credential is the key of whoever gives the command.
type Credential struct {
	KeyFile string `type:"path" placeholder:"FILE" xor:"credential" group:"Connection:" help:"Read your own key from FILE (KEYSTILE_KEY_FILE)."`
	Key     string `placeholder:"SECRET" xor:"credential" group:"Connection:" help:"Your own key (KEYSTILE_KEY). Prefer --key-file or the environment: other users of this machine can read a command line."`
}

const (
	envKey     = "KEYSTILE_KEY"
	envKeyFile = "KEYSTILE_KEY_FILE"
)

// Settings lists the environment variables that the commands read beside those
// that their flags name: secrets, which no flag's default may hold.
func Settings() []string { return []string{envKey, envKeyFile, envCheckSecret} }

// maxSecret is the longest that a secret can be, in bytes.
const maxSecret = 512

// read finds the caller's secret; empty when none was given. A flag comes
// before the environment, so that one command can use another key.
func (c *Credential) read(t *Terminal) (string, error) {
	secret, file := c.Key, c.KeyFile
	source := "--key"
	if file != "" {
		source = "--key-file"
	}
	if secret == "" && file == "" {
		secret, file = t.Getenv(envKey), t.Getenv(envKeyFile)
		source = envKey
		if file != "" {
			source = envKeyFile
		}
	}
	switch {
	case secret != "" && file != "":
		return "", usagef("%s and %s are both set: which key is meant?", envKey, envKeyFile)
	case file != "":
		var err error
		if secret, err = readSecretFile(file, t); err != nil {
			return "", usagef("%s: %w", source, err)
		}
		if secret == "" {
			return "", usagef("%s: the file is empty", source)
		}
	}
	secret = trimNewlines(secret)
	if !sendable(secret) {
		return "", usagef("%s: this can't be a key: printable ASCII without blanks, at most %d bytes", source, maxSecret)
	}
	return secret, nil
}

// readSecretFile reads a secret, and warns when others on the machine can read
// it too. "-" is standard input.
func readSecretFile(name string, t *Terminal) (string, error) {
	file, err := openSecretFile(name, t)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	return readSecret(file)
}

// openSecretFile opens what readSecretFile reads.
func openSecretFile(name string, t *Terminal) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(t.In), nil
	}
	file, err := os.Open(name) //nolint:gosec // the person names the file
	if err != nil {
		return nil, err //nolint:wrapcheck // it names operation and file
	}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0 {
		t.note("keystile: warning: %s is readable by others (mode %04o); run: chmod 600 %s", clean(name), info.Mode().Perm(), clean(name))
	}
	return file, nil
}

var errTooLong = errors.New("too long for a secret")

func readSecret(from io.Reader) (string, error) {
	// Room for newlines around the longest secret, and one byte to notice more.
	const most = maxSecret + 16
	text, err := io.ReadAll(io.LimitReader(from, most+1))
	if err != nil {
		var where *fs.PathError
		if errors.As(err, &where) {
			return "", where
		}
		return "", err //nolint:wrapcheck // the caller names the source
	}
	if len(text) > most {
		return "", errTooLong
	}
	return trimNewlines(string(text)), nil
}

func trimNewlines(text string) string { return strings.Trim(text, "\r\n") }

// sendable tells whether a header can carry the text. Empty can: it is left out.
func sendable(secret string) bool {
	if len(secret) > maxSecret {
		return false
	}
	for i := range len(secret) {
		if secret[i] <= ' ' || secret[i] > '~' {
			return false
		}
	}
	return true
}
