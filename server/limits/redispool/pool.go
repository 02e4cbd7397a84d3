package redispool

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// Options say how a pool speaks with its Redis. The zero value is fine.
type Options struct {
	// Budget bounds each call, beside the deadline of its context; 0 is 10
	// milliseconds.
	Budget time.Duration
	// Connections bounds how many connections each node is spoken with over; 0 is 16.
	Connections int
	// TLS is for URLs that ask for it, and refused with others; nil trusts what the
	// system does.
	TLS *tls.Config
}

// Pool is a limits.Pool on Redis. Close it.
type Pool struct {
	client         redis.UniversalClient
	where          string
	budget         time.Duration
	take, giveBack script
}

var _ limits.Pool = (*Pool)(nil)

// Open gives the pool that a URL names:
//
//	redis://user:password@host:6379/0
//	redis+sentinel://user:password@host:26379,host:26379/master?db=0
//	redis+cluster://user:password@host:6379,host:6379
//
// and with TLS rediss://, rediss+sentinel:// and rediss+cluster://. User and password
// may be left out, and the user alone. The Sentinels' own are in the query, as
// sentinel_username and sentinel_password. No error says what stands in the URL.
//
// Open connects to nothing: what is wrong beyond the URL, Ping tells.
func Open(url string, o Options) (*Pool, error) {
	a, err := parse(url)
	if err != nil {
		return nil, fmt.Errorf("redis URL: %w", err)
	}
	if o.TLS != nil && !a.tls {
		return nil, errors.New("redis URL: it asks for no TLS, as rediss:// does, but there are settings for it")
	}
	if o.Budget <= 0 {
		o.Budget = defaultBudget
	}
	if o.Connections <= 0 {
		o.Connections = defaultConnections
	}
	return &Pool{client: a.client(&o), where: a.String(), budget: o.Budget, take: newScript(take), giveBack: newScript(giveBack)}, nil
}

const (
	defaultBudget      = 10 * time.Millisecond
	defaultConnections = 16
)

// String tells what the pool is on, without a password.
func (p *Pool) String() string { return p.where }

// Close ends all connections. Calls fail from then on.
func (p *Pool) Close() error {
	if err := p.client.Close(); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

// Ping looks at a counter, with no other bound than the context's: connecting for
// the first time takes longer than a call.
func (p *Pool) Ping(ctx context.Context) error {
	_, err := p.ask(ctx, []limits.Ask{{Rate: access.Rate{Period: time.Second, Requests: 1}, Want: 1, Least: 1}}, false)
	return err
}

// Take is limits.Pool's.
func (p *Pool) Take(ctx context.Context, asks []limits.Ask) ([]limits.Given, error) {
	ctx, cancel := context.WithTimeout(ctx, p.budget)
	defer cancel()
	return p.ask(ctx, asks, true)
}

// Look is limits.Pool's.
func (p *Pool) Look(ctx context.Context, asks []limits.Ask) ([]limits.Given, error) {
	ctx, cancel := context.WithTimeout(ctx, p.budget)
	defer cancel()
	return p.ask(ctx, asks, false)
}

func (p *Pool) ask(ctx context.Context, asks []limits.Ask, taking bool) ([]limits.Given, error) {
	if len(asks) == 0 {
		return nil, nil
	}
	keys, args := make([]string, len(asks)), make([][]any, len(asks))
	paces := make([]pace, len(asks))
	for i, a := range asks {
		paces[i] = newPace(a.Rate)
		keys[i] = name(a.Key)
		args[i] = paces[i].asking(a.Want, a.Least, taking)
	}
	answers, err := p.run(ctx, p.take, keys, args)
	if err != nil {
		return nil, err
	}
	given := make([]limits.Given, len(asks))
	for i := range asks {
		if given[i], err = paces[i].given(answers[i], asks[i].Least); err != nil {
			return nil, err
		}
	}
	return given, nil
}

// Return is limits.Pool's.
func (p *Pool) Return(ctx context.Context, back []limits.Back) error {
	ctx, cancel := context.WithTimeout(ctx, p.budget)
	defer cancel()
	keys, args := make([]string, 0, len(back)), make([][]any, 0, len(back))
	for _, b := range back {
		if pace := newPace(b.Rate); pace.step > 0 && b.Tokens > 0 {
			keys = append(keys, name(b.Key))
			args = append(args, pace.returning(b.Tokens))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	_, err := p.run(ctx, p.giveBack, keys, args)
	return err
}

// Reset is limits.Pool's. A reset that runs twice does no harm, so it is sent like
// any other command.
func (p *Pool) Reset(ctx context.Context, keys []limits.Key) error {
	if len(keys) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.budget)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	pipe := p.client.Pipeline()
	for _, k := range keys {
		pipe.Del(ctx, name(k))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

// name is what a counter is called in Redis.
func name(k limits.Key) string { return "ks:l:" + base64.RawURLEncoding.EncodeToString(k[:]) }
