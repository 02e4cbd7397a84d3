package certs

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"
	"time"
)

// lookEvery is how often the files are read. New content is taken when two looks
// in a row find the same: files that are written, or replaced one after the
// other, are seen half done otherwise.
const lookEvery = time.Second

// Source gives connections the certificates that are in force.
type Source struct {
	files Files
	now   func() time.Time
	log   *slog.Logger

	// seen is what the last look found, and tried what was last made use of, or
	// could not be. Only Run looks, and warns.
	seen, tried [sha256.Size]byte
	// warned is true once the log tells that the certificate in force has expired.
	warned bool

	mu      sync.Mutex
	current *material
	// connections are those whose client has shown a certificate.
	connections map[*connection]struct{}
}

// Open reads the files. An error names the setting that it is about.
func Open(files Files, now func() time.Time, log *slog.Logger) (*Source, error) {
	found := files.read()
	m, err := files.use(found)
	if err != nil {
		return nil, err
	}
	digest := found.digest()
	s := &Source{
		files: files, now: now, log: log, seen: digest, tried: digest,
		current: m, connections: map[*connection]struct{}{},
	}
	s.warnOfExpiry()
	return s, nil
}

// Expiry tells when the server's certificate, or one of the chain behind it,
// expires first.
func (s *Source) Expiry() time.Time { return s.inForce().expiry }

// Run looks at the files until ctx ends.
func (s *Source) Run(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.look()
			s.warnOfExpiry()
		}
	}
}

// look takes new content into force once it stands still. What can't be used is
// told of once.
func (s *Source) look() {
	found := s.files.read()
	digest := found.digest()
	settled := digest == s.seen
	s.seen = digest
	if !settled || digest == s.tried {
		return
	}
	s.tried = digest
	m, err := s.files.use(found)
	if err != nil {
		s.log.Error("the TLS files have changed and can't be used; what was read before stays in force",
			"error", err, "expire_time", s.Expiry().UTC())
		return
	}
	ended := s.replace(m)
	s.log.Info("the TLS files have changed and are in force for new connections",
		"expire_time", m.expiry.UTC(), "client_authorities", len(m.roots), "connections_ended", ended)
	s.warned = false
	s.warnOfExpiry()
}

// warnOfExpiry tells once of a certificate in force that clients will refuse.
func (s *Source) warnOfExpiry() {
	if expiry := s.Expiry(); !s.warned && !s.now().Before(expiry) {
		s.warned = true
		s.log.Error("the TLS certificate, or one of the chain behind it, has expired", "setting", s.files.Certificate.Setting, "expire_time", expiry.UTC())
	}
}

func (s *Source) inForce() *material {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// replace puts m into force, and ends the connections whose client it does not
// trust any more. It tells how many.
func (s *Source) replace(m *material) int {
	s.mu.Lock()
	s.current = m
	var ended []*connection
	for c := range s.connections {
		if !m.trusts(c.chains) {
			ended = append(ended, c)
		}
	}
	s.mu.Unlock()
	for _, c := range ended {
		_ = c.Close()
	}
	return len(ended)
}
