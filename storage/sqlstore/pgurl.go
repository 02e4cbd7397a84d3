package sqlstore

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lib/pq"

	"github.com/keystile/keystile/storage"
)

// parsePostgresURL reads a URL or a key=value string, with the PG* environment
// variables as defaults, and leaves no sslmode unsaid: what is not given means
// verify-full, except for a unix socket and for the loopback, where it means
// disable. Several hosts count as loopback only when all of them are.
//
// lib/pq itself does the reading, so that what is judged here is what is dialled.
func parsePostgresURL(text string) (pq.Config, error) {
	if text == "" {
		return pq.Config{}, fmt.Errorf("%w: no database URL", storage.ErrInvalid)
	}
	if strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://") {
		// url.Error holds the whole text, password included: it must not get out.
		parsed, err := url.Parse(text)
		if err != nil {
			return pq.Config{}, fmt.Errorf("%w: the database URL can't be read; special characters in its user, password and host must be percent-encoded", storage.ErrInvalid)
		}
		if err := checkTwice(parsed); err != nil {
			return pq.Config{}, err
		}
	} else if strings.Contains(text, "://") || !strings.Contains(text, "=") {
		return pq.Config{}, fmt.Errorf("%w: the database URL must begin with postgres://, or be made of key=value pairs", storage.ErrInvalid)
	}
	text = spreadHosts(text)
	cfg, err := pq.NewConfig(text)
	if err != nil {
		if strings.Contains(text, "://") {
			return pq.Config{}, fmt.Errorf("%w: the database URL: %w", storage.ErrInvalid, err)
		}
		// An error about key=value pairs may show a piece of a password that
		// lacks its quotes.
		return pq.Config{}, fmt.Errorf("%w: the database's key=value pairs can't be read; a value with spaces needs single quotes, and sslmode one of disable, allow, prefer, require, verify-ca, verify-full", storage.ErrInvalid)
	}
	// lib/pq leaves the brackets of an IPv6 address on, where no port follows.
	cfg.Host = unbracketed(cfg.Host)
	for i := range cfg.Multi {
		cfg.Multi[i].Host = unbracketed(cfg.Multi[i].Host)
	}
	sockets, remote := 0, 0
	for _, host := range hostsOf(&cfg) {
		switch {
		case host.socket():
			sockets++
		case !host.loopback():
			remote++
		}
	}
	if sockets > 0 && remote > 0 {
		// lib/pq gives all hosts the mode of the first, and a socket knows no TLS.
		return pq.Config{}, fmt.Errorf("%w: the database URL names a unix socket and another machine: name one or the other", storage.ErrInvalid)
	}
	if cfg.SSLMode == "" {
		cfg.SSLMode = pq.SSLModeDisable
		if remote > 0 {
			cfg.SSLMode = pq.SSLModeVerifyFull
		}
	}
	return cfg, nil
}

// spreadHosts writes a URL that names several hosts as lib/pq takes them: it reads
// h1:p1,h2:p2, which libpq documents, as names with colons in them.
func spreadHosts(text string) string {
	u, err := url.Parse(text)
	if err != nil || !strings.Contains(u.Host, ",") {
		return text
	}
	var hosts, ports []string
	for each := range strings.SplitSeq(u.Host, ",") {
		host, port := each, ""
		if i := strings.LastIndexByte(each, ':'); i > strings.LastIndexByte(each, ']') {
			host, port = each[:i], each[i+1:]
		}
		if port == "" {
			port = "5432"
		}
		hosts, ports = append(hosts, unbracketed(host)), append(ports, port)
	}
	query := u.Query()
	query.Set("host", strings.Join(hosts, ","))
	query.Set("port", strings.Join(ports, ","))
	u.Host, u.RawQuery = "", query.Encode()
	return u.String()
}

// checkTwice refuses a URL that says a thing twice: which of the two lib/pq
// takes depends on their spelling.
func checkTwice(u *url.URL) error {
	_, password := u.User.Password()
	said := map[string]bool{
		"host": u.Host != "", "port": u.Port() != "", "user": u.User.Username() != "",
		"password": password, "dbname": strings.Trim(u.Path, "/") != "",
	}
	for name, values := range u.Query() {
		if said[name] || len(values) > 1 {
			return fmt.Errorf("%w: the database URL says %q twice", storage.ErrInvalid, name)
		}
	}
	return nil
}

func unbracketed(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			return inner
		}
	}
	return host
}

// pgHost is one place that a connection may be made to.
type pgHost struct {
	name string
	addr netip.Addr
	port uint16
}

func hostsOf(cfg *pq.Config) []pgHost {
	hosts := []pgHost{{cfg.Host, cfg.Hostaddr, cfg.Port}}
	for _, more := range cfg.Multi {
		hosts = append(hosts, pgHost{more.Host, more.Hostaddr, more.Port})
	}
	return hosts
}

func (h pgHost) socket() bool {
	return !h.addr.IsValid() && (filepath.IsAbs(h.name) || strings.HasPrefix(h.name, "@"))
}

// loopback takes the name localhost at its word, and no other name.
func (h pgHost) loopback() bool {
	addr := h.addr
	if !addr.IsValid() {
		if h.name == "" || strings.EqualFold(h.name, "localhost") {
			return true
		}
		var err error
		if addr, err = netip.ParseAddr(h.name); err != nil {
			return false
		}
	}
	return addr.Unmap().IsLoopback()
}

// describe names the database for logs, without user and password.
func describe(cfg *pq.Config) string {
	places := make([]string, 0, 1+len(cfg.Multi))
	for _, h := range hostsOf(cfg) {
		name := h.name
		if h.addr.IsValid() {
			name = h.addr.String()
		}
		places = append(places, name+":"+strconv.Itoa(int(h.port)))
	}
	return fmt.Sprintf("postgres %s/%s sslmode=%s", strings.Join(places, ","), cfg.Database, cfg.SSLMode)
}

// checkURLOptions refuses what would be undone behind our back.
func checkURLOptions(cfg *pq.Config) error {
	for _, name := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		if _, given := cfg.Runtime[name]; given {
			return fmt.Errorf("%w: %s belongs to Keystile's own settings, not into the database URL", storage.ErrInvalid, name)
		}
	}
	return nil
}
