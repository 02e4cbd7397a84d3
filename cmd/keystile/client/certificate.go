package client

import (
	"crypto/tls"
	"errors"
	"io/fs"
)

// ClientCertificate is what the person shows a server that wants to know by a
// certificate who calls.
type ClientCertificate struct {
	TLSCertFile string `name:"tls-cert-file" type:"path" default:"" env:"KEYSTILE_CLIENT_CERT_FILE" placeholder:"FILE" group:"Connection:" help:"Show the server the certificate in this PEM file; some servers want one."`
	TLSKeyFile  string `name:"tls-key-file" type:"path" default:"" env:"KEYSTILE_CLIENT_KEY_FILE" placeholder:"FILE" group:"Connection:" help:"The certificate's key, in PEM."`
}

// show adds the certificate to config. It is shown to every server that asks: one
// that does not know its authority then says so.
func (c *ClientCertificate) show(config *tls.Config) error {
	switch {
	case c.TLSCertFile == "" && c.TLSKeyFile == "":
		return nil
	case c.TLSKeyFile == "":
		return usagef("--tls-cert-file needs --tls-key-file")
	case c.TLSCertFile == "":
		return usagef("--tls-key-file needs --tls-cert-file")
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCertFile, c.TLSKeyFile)
	if err != nil {
		if where := (*fs.PathError)(nil); errors.As(err, &where) && where.Path == c.TLSKeyFile {
			return usagef("--tls-key-file: %w", err)
		}
		return usagef("--tls-cert-file: %w", err)
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return nil
}
