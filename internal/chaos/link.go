package chaos

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// healTimeout is how long taking faults off a link may take.
const healTimeout = 20 * time.Second

// link is the way from one replica to Postgres.
type link struct{ proxy *toxiproxy.Proxy }

func newLink(name, upstream string) (*link, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{proxy: toxiproxy.NewProxy(server, name, "127.0.0.1:0", upstream)}
	if err := l.proxy.Start(); err != nil {
		return nil, fmt.Errorf("link %s: %w", name, err)
	}
	return l, nil
}

// through gives a database's address by way of the link.
func (l *link) through(databaseURL string) (string, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return "", fmt.Errorf("the database's URL: %w", err)
	}
	u.Host = l.proxy.Listen
	return u.String(), nil
}

// cut ends every connection and refuses new ones.
func (l *link) cut() { l.proxy.Stop() }

// swallow lets nothing pass in a direction, upstream or downstream, and tells
// nobody. Connections end when it is healed.
func (l *link) swallow(direction string) error {
	return l.add(fmt.Sprintf(`{"name":"swallow-%s","type":"timeout","stream":%q,"attributes":{"timeout":0}}`, direction, direction))
}

// slow delays what passes in each direction.
func (l *link) slow(by time.Duration) error {
	for _, direction := range []string{"upstream", "downstream"} {
		if err := l.add(fmt.Sprintf(`{"name":"slow-%s","type":"latency","stream":%q,"attributes":{"latency":%d,"jitter":%d}}`,
			direction, direction, by.Milliseconds(), by.Milliseconds()/2)); err != nil {
			return err
		}
	}
	return nil
}

func (l *link) add(toxic string) error {
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		return fmt.Errorf("link %s: %w", l.proxy.Name, err)
	}
	return nil
}

// heal takes every fault off.
func (l *link) heal() error {
	done := make(chan error, 1)
	go func() {
		l.proxy.Toxics.ResetToxics(context.Background())
		if l.proxy.Enabled {
			done <- nil
			return
		}
		done <- l.proxy.Start()
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("healing link %s: %w", l.proxy.Name, err)
		}
		return nil
	case <-time.After(healTimeout):
		return fmt.Errorf("healing link %s: it hangs", l.proxy.Name)
	}
}
