package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/access"
)

// greet tells whoever started the service what to do next: the first secret, on
// the first start, and three lines that can be pasted.
func (p *process) greet(first *firstSecret, listeners []net.Listener) error {
	var b strings.Builder
	web := "http://" + dialable(listeners[1].Addr())
	if p.certs != nil {
		web = "https://" + dialable(listeners[1].Addr())
	}
	fmt.Fprintf(&b, "Keystile is ready: REST %s, gRPC %s.\n\n", web, dialable(listeners[0].Addr()))
	switch {
	case first.secret.Form() == access.WellFormed:
		fmt.Fprintf(&b, "The first administrator's key. It is shown this once; keep it:\n\n  export KEYSTILE_KEY=%s\n\n", first.secret.Reveal())
	case first.keyID != "":
		fmt.Fprintf(&b, "The first administrator's key is in %s:\n\n  export KEYSTILE_KEY=$(cat '%s')\n\n", first.file, first.file)
	}
	auth := ""
	if p.auth == server.CheckAuthKey {
		auth = ` -H "Authorization: Bearer $KEYSTILE_KEY"`
	}
	if p.certs != nil {
		b.WriteString("curl needs --cacert unless this machine trusts the certificate")
		if p.flags.TLSClientCAFile != "" {
			b.WriteString(", and --cert and --key: callers show a certificate")
		}
		b.WriteString(".\n\n")
	}
	fmt.Fprintf(&b, `Issue a key, check it, read the API document:

  SECRET=$(curl -sS %[1]s/v1/keys -H "Authorization: Bearer $KEYSTILE_KEY" -d '{"key":{"tenantId":"system","userId":"admin","displayName":"first","scopes":["orders.read"]}}' | sed 's/.*"secret": *"\([^"]*\)".*/\1/'); echo "$SECRET"
  curl -sS %[1]s/v1/keys:check%[2]s -d "{\"key\":\"$SECRET\",\"permission\":\"orders.read\"}"
  curl -sS %[1]s/openapi.json   # in a browser: %[1]s/docs

`, web, auth)
	if _, err := p.out.Write([]byte(b.String())); err != nil {
		return fmt.Errorf("writing to the terminal: %w", err)
	}
	return nil
}

// dialable gives an address that a client on this machine can call.
func dialable(a net.Addr) string { return dialableText(a.String()) }

func dialableText(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
