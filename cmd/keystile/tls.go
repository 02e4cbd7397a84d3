package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/certs"
)

// TLSFlags say which certificates the listeners work with.
type TLSFlags struct {
	TLSCertFile     string `name:"tls-cert-file" help:"Certificate of every listener, in PEM, with the chain behind it; the operations listener goes on speaking plain HTTP too. Read anew when it changes." env:"KEYSTILE_TLS_CERT_FILE" placeholder:"FILE"`
	TLSKeyFile      string `name:"tls-key-file" help:"Key of that certificate, in PEM." env:"KEYSTILE_TLS_KEY_FILE" placeholder:"FILE"`
	TLSClientCAFile string `name:"tls-client-ca-file" help:"Authorities of client certificates, in PEM: whoever calls gRPC or HTTP then has to show a certificate of one of them." env:"KEYSTILE_TLS_CLIENT_CA_FILE" placeholder:"FILE"`
}

// complete refuses half of what TLS takes.
func (f *TLSFlags) complete() error {
	switch {
	case f.TLSCertFile != "" && f.TLSKeyFile == "":
		return errors.New("--tls-cert-file needs --tls-key-file")
	case f.TLSKeyFile != "" && f.TLSCertFile == "":
		return errors.New("--tls-key-file needs --tls-cert-file")
	case f.TLSClientCAFile != "" && f.TLSCertFile == "":
		return errors.New("--tls-client-ca-file needs --tls-cert-file and --tls-key-file")
	}
	return nil
}

// mayAsk refuses an answer to who may ask that the listeners can't keep.
func (f *TLSFlags) mayAsk(auth string) error {
	if auth == string(server.CheckAuthMTLS) && f.TLSClientCAFile == "" {
		return errors.New("--check-auth=mtls needs --tls-cert-file, --tls-key-file and --tls-client-ca-file")
	}
	return nil
}

// certificates reads the files; nil when there are none to be.
func (f *TLSFlags) certificates(registry prometheus.Registerer, log *slog.Logger) (*certs.Source, error) {
	if f.TLSCertFile == "" {
		return nil, nil //nolint:nilnil // no certificates is what the operator wants
	}
	source, err := certs.Open(certs.Files{
		Certificate:       certs.File{Setting: "--tls-cert-file", Path: f.TLSCertFile},
		Key:               certs.File{Setting: "--tls-key-file", Path: f.TLSKeyFile},
		ClientAuthorities: certs.File{Setting: "--tls-client-ca-file", Path: f.TLSClientCAFile},
	}, time.Now, log)
	if err != nil {
		return nil, fmt.Errorf("reading the certificates: %w", err)
	}
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "keystile_tls_certificate_expiry_timestamp_seconds",
		Help: "When the listeners' certificate, or one of the chain behind it, expires first.",
	}, func() float64 { return float64(source.Expiry().Unix()) }))
	return source, nil
}
