package certs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxFile bounds a file: a bundle of every public authority has a fifth of it.
const maxFile = 1 << 20

// File is a file as its operator knows it.
type File struct {
	// Setting is what errors call it, such as "--tls-cert-file".
	Setting string
	Path    string
}

// Files say where the certificates are, in PEM.
type Files struct {
	// Certificate is the server's, with the chain behind it, and Key its key.
	Certificate, Key File
	// ClientAuthorities issue the certificates that clients have to show. Without
	// a path no client is asked for one.
	ClientAuthorities File
}

// contents are what the files held at one moment.
type contents struct {
	certificate, key, authorities []byte
	// err says why there is nothing.
	err error
}

// read reads every file.
func (f *Files) read() contents {
	var c contents
	if c.certificate, c.err = f.Certificate.read(); c.err != nil {
		return c
	}
	if c.key, c.err = f.Key.read(); c.err != nil {
		return c
	}
	if f.ClientAuthorities.Path != "" {
		c.authorities, c.err = f.ClientAuthorities.read()
	}
	return c
}

func (f File) read() ([]byte, error) {
	// A pipe would give its content once, and then hold up whoever reads it.
	info, err := os.Stat(f.Path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is no regular file")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Setting, err)
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Setting, err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", f.Setting, err)
	case len(text) > maxFile:
		return nil, fmt.Errorf("%s: is larger than %d bytes", f.Setting, maxFile)
	case len(bytes.TrimSpace(text)) == 0:
		return nil, fmt.Errorf("%s: is empty", f.Setting)
	}
	return text, nil
}

// digest tells contents apart, and what could not be read from what could.
func (c *contents) digest() [sha256.Size]byte {
	parts := [][]byte{c.certificate, c.key, c.authorities, nil}
	if c.err != nil {
		parts = [][]byte{nil, nil, nil, []byte(c.err.Error())}
	}
	h := sha256.New()
	for _, part := range parts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part)))
		_, _ = h.Write(part)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
