package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// material is what the files come to, once all of it can be used.
type material struct {
	pair tls.Certificate
	// expiry is when the first certificate of the pair's chain expires.
	expiry time.Time
	// authorities are nil when clients are not asked for certificates.
	authorities *x509.CertPool
	// roots holds the same authorities, by their encoding.
	roots map[string]bool
}

// use makes material of contents. Its errors name the settings.
func (f *Files) use(c contents) (*material, error) {
	if c.err != nil {
		return nil, c.err
	}
	m := &material{}
	chain, err := certificates(c.certificate, true)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Certificate.Setting, err)
	}
	for _, one := range chain {
		if m.expiry.IsZero() || one.NotAfter.Before(m.expiry) {
			m.expiry = one.NotAfter
		}
	}
	if m.pair, err = tls.X509KeyPair(c.certificate, c.key); err != nil {
		return nil, fmt.Errorf("%s and %s: %w", f.Certificate.Setting, f.Key.Setting, err)
	}
	if f.ClientAuthorities.Path == "" {
		return m, nil
	}
	list, err := certificates(c.authorities, false)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.ClientAuthorities.Setting, err)
	}
	m.authorities, m.roots = x509.NewCertPool(), map[string]bool{}
	for _, one := range list {
		m.authorities.AddCert(one)
		m.roots[string(one.Raw)] = true
	}
	return m, nil
}

// trusts tells whether one of the chains that a client's certificate was verified
// by ends in an authority that is still named.
func (m *material) trusts(chains [][]*x509.Certificate) bool {
	for _, chain := range chains {
		if len(chain) > 0 && m.roots[string(chain[len(chain)-1].Raw)] {
			return true
		}
	}
	return false
}

// certificates reads a PEM text that holds certificates, and others, such as the
// key in the same file, if it may. What can't be read is an error, never passed
// over: half a list of authorities would shut clients out, and half a chain makes
// some clients refuse the server.
func certificates(text []byte, others bool) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		// Text between blocks is a comment, but not the beginning of a block.
		if bytes.Count(text[:len(text)-len(rest)], []byte("-----BEGIN ")) != 1 {
			return nil, errDamaged
		}
		text = rest
		switch {
		case block.Type == "CERTIFICATE":
			one, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("certificate %d: %w", len(out)+1, err)
			}
			out = append(out, one)
		case !others:
			return nil, fmt.Errorf("holds a block %q where only certificates belong", block.Type)
		}
	}
	if bytes.Contains(text, []byte("-----BEGIN ")) {
		return nil, errDamaged
	}
	if len(out) == 0 {
		return nil, errors.New("holds no certificate in PEM")
	}
	return out, nil
}

var errDamaged = errors.New("holds a PEM block that can't be read")
