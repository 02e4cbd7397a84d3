package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/keystile/keystile/server/access"
)

// firstSecret shows a new administrator's secret: in a file that did not exist
// before, or on the terminal once it is known to be in force.
type firstSecret struct {
	// file is where to; empty is the terminal.
	file   string
	secret access.Secret
	keyID  string
}

// show writes the file, or keeps the secret for the terminal.
func (f *firstSecret) show(secret access.Secret, keyID string) (undo func(), err error) {
	if f.file == "" {
		f.secret, f.keyID = secret, keyID
		return func() { f.secret = access.Secret{} }, nil
	}
	if err := writeSecretFile(f.file, secret.Reveal()); err != nil {
		return nil, err
	}
	f.keyID = keyID
	return func() { _ = os.Remove(f.file) }, nil
}

// writeSecretFile makes a new file that only its owner may read, and returns
// once it is on the disk, its name in the folder included.
func writeSecretFile(path, secret string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("creating the file for the administrator's secret: %w", err)
	}
	_, err = file.WriteString(secret + "\n")
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(path)
		return fmt.Errorf("writing the administrator's secret: %w", err)
	}
	return nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("opening the folder: %w", err)
	}
	defer func() { _ = folder.Close() }()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("syncing the folder: %w", err)
	}
	return nil
}
