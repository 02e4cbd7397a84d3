package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/lib/pq"

	"github.com/keystile/keystile/storage"
)

// What goes over the wire to wake others: a channel of this name, and one word.
const (
	channel      = "keystile"
	wokenWritten = "w"
	wokenRenewed = "r"
)

// How a lost connection is made anew, and how one that has fallen silent is
// noticed.
const (
	minReconnect = 250 * time.Millisecond
	maxReconnect = 5 * time.Second
	pingEvery    = 10 * time.Second
	pingTimeout  = 5 * time.Second
)

// Listen wakes on what other processes write, until ctx ends.
func (s *Store) Listen(ctx context.Context, wake func(storage.Woken)) {
	if s.listenURL == "" {
		<-ctx.Done()
		return
	}
	s.listening.Store(true)
	defer s.listening.Store(false)
	for ctx.Err() == nil {
		s.listenOnce(ctx, wake)
		wake(storage.Woken{})
	}
}

// listenOnce listens on one Listener, which makes lost connections anew by itself,
// until ctx ends or the connection no longer answers.
func (s *Store) listenOnce(ctx context.Context, wake func(storage.Woken)) {
	listener := pq.NewListener(s.listenURL, minReconnect, maxReconnect, nil)
	defer func() {
		_ = listener.Close()
		// Its goroutine ends only once somebody takes what it still holds.
		go func() {
			for range listener.Notify {
			}
		}()
	}()
	// Listen blocks until there is a connection.
	go func() { _ = listener.Listen(channel) }()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	alive := make(chan struct{}, 1)
	alive <- struct{}{}
	silent := time.NewTimer(pingEvery + pingTimeout)
	defer silent.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-listener.Notify:
			wake(woken(n))
		case <-ping.C:
			select {
			case <-alive:
				go func() {
					// An error means that there is no connection, which is made anew.
					_ = listener.Ping()
					alive <- struct{}{}
				}()
			default:
			}
		case <-silent.C:
			select {
			case <-alive:
				alive <- struct{}{}
				silent.Reset(pingEvery + pingTimeout)
			default:
				// A ping has been out for too long: the network has swallowed it.
				return
			}
		}
	}
}

func woken(n *pq.Notification) storage.Woken {
	switch {
	case n == nil:
		// The connection was made anew; anything may have happened.
		return storage.Woken{}
	case n.Extra == wokenWritten:
		return storage.Woken{Written: true}
	case n.Extra == wokenRenewed:
		return storage.Woken{Renewed: true}
	}
	return storage.Woken{}
}

// wakeOthers tells the other processes that something was written. It goes out
// after the commit and beside it: inside the transaction it would have every
// commit wait for every other. What is lost is found by looking.
func (s *Store) wakeOthers() {
	if !s.listening.Load() || s.closed.Load() || s.waking.Swap(true) {
		return
	}
	go func() {
		s.waking.Store(false)
		ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
		defer cancel()
		_, _ = s.sync.ExecContext(ctx, "SELECT pg_notify('"+channel+"', '"+wokenWritten+"')")
	}()
}

// listenURLOf writes a connection string with what parsePostgresURL has filled in,
// for the part of lib/pq that takes only those.
func listenURLOf(text string, cfg *pq.Config) string {
	const name = "application_name=keystile-listen"
	mode := "sslmode=" + string(cfg.SSLMode)
	join := " "
	if strings.Contains(text, "://") {
		join = "?"
		if strings.Contains(text, "?") {
			join = "&"
		}
	}
	text = spreadHosts(text)
	out := text
	for _, setting := range []string{mode, name} {
		key, _, _ := strings.Cut(setting, "=")
		if strings.Contains(text, key+"=") {
			continue
		}
		out += join + setting
		if join == "?" {
			join = "&"
		}
	}
	return out
}
