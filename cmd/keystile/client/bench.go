package client

import (
	"context"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/metadata"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/cmd/keystile/load"
)

// Bench puts a server under load.
type Bench struct {
	Keys        string        `required:"" type:"path" placeholder:"FILE" help:"The secrets to ask about: a file with one a line; - is stdin."`
	Zipf        *float64      `placeholder:"EXPONENT" group:"Load:" help:"Ask more often about keys that stand earlier in the file, by Zipf's law; the exponent is more than 1, such as 1.1. Default: about each as often as about any other."`
	Rate        *float64      `placeholder:"N" group:"Load:" help:"Open loop: begin so many calls a second, answered or not. Default: a closed loop, where each call begins when the one before it has been answered."`
	InFlight    int           `default:"64" placeholder:"N" group:"Load:" help:"How many calls are in flight: always in a closed loop, at the most in an open one. Default: 64."`
	Connections int           `placeholder:"N" group:"Load:" help:"How many connections share them. Default: 1. Over REST, each call in flight has one of its own."`
	Duration    time.Duration `default:"10s" group:"Load:" help:"How long to measure. Default: 10s."`
	Warmup      time.Duration `default:"1s" group:"Load:" help:"How long to put the load on before that. Default: 1s."`
	Cost        *int32        `placeholder:"N" group:"Question:" help:"What a call costs against limits; 0 only looks. Default: 1."`
	Question
	Options
}

// Help shows how it is used.
func (*Bench) Help() string {
	return `In a closed loop a server that is slow is asked less, which hides how long callers would wait; it
tells how much a server can do. An open loop (--rate) tells what callers see at a given rate: a call's
latency runs from when it was due, also when it had to wait until others had ended. A call that would
begin later than --timeout after it was due is dropped, and counted.

It asks as any caller would: limits are spent unless --cost is 0, and refusals are counted like other
answers. Ctrl-C ends it early, and prints what was measured until then. --key-file is your own key, for
servers that want to know who asks.

Examples:

    keystile bench --keys ./keys.txt --permission orders.read
    keystile bench --keys ./keys.txt --in-flight 256 --connections 4 --zipf 1.1 --duration 1m
    keystile bench --keys ./keys.txt --rate 5000 --method GET --host api.acme.test --path /orders/7
    keystile bench --keys ./keys.txt --server http://127.0.0.1:8080 -o json

` + ExitCodesHelp()
}

const (
	// maxInFlight is more than any one connection carries.
	maxInFlight = 10_000
	// maxRate is more than one machine can do, and leaves every call a moment of
	// its own.
	maxRate = 1_000_000
)

// plan is what the flags say about the load.
func (c *Bench) plan() (load.Plan, error) {
	p := load.Plan{Warmup: c.Warmup, Duration: c.Duration, Timeout: c.Timeout}
	switch {
	case c.InFlight < 1 || c.InFlight > maxInFlight:
		return p, usagef("--in-flight: must be 1 to %d", maxInFlight)
	case c.Connections < 0 || c.Connections > c.InFlight:
		return p, usagef("--connections: must be 1 to --in-flight")
	case c.Duration <= 0:
		return p, usagef("--duration: must be more than 0")
	case c.Warmup < 0:
		return p, usagef("--warmup: must not be less than 0")
	case c.Rate != nil && !(*c.Rate > 0 && *c.Rate <= maxRate):
		return p, usagef("--rate: must be more than 0, and at most %d", maxRate)
	case c.Zipf != nil && !(*c.Zipf > 1 && *c.Zipf <= 100):
		return p, usagef("--zipf: must be more than 1, and at most 100")
	}
	if c.Rate != nil {
		p.Rate = *c.Rate
	}
	return p, nil
}

// Run puts the load on, and prints what was measured.
func (c *Bench) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		plan, err := c.plan()
		if err != nil {
			return err
		}
		keys, err := readSecrets(c.Keys, t)
		if err != nil {
			return err
		}
		checks, closeAll, err := c.connect(s)
		if err != nil {
			return err
		}
		defer closeAll()
		if s.link.secret != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.link.secret)
		}
		if err := c.probe(ctx, checks, keys.all[0]); err != nil {
			return err
		}
		calls, err := c.calls(checks, keys, t)
		if err != nil {
			return err
		}
		s.note("Measuring for %v after %v of warm-up; Ctrl-C ends it early.", c.Duration, c.Warmup)
		// A second Ctrl-C ends the process as it always does.
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop)
		return c.report(s, len(keys.all), load.Run(ctx, plan, calls))
	})
}

// checker asks about a key.
type checker interface {
	check(ctx context.Context, secret string) (pb.Verdict_Reason, error)
}

// connect makes a checker for each call in flight. Nothing is sent yet.
func (c *Bench) connect(s *session) (checks []checker, closeAll func(), err error) {
	question, err := c.request()
	if err != nil {
		return nil, nil, err
	}
	question.Cost = c.Cost
	a, err := c.address()
	if err != nil {
		return nil, nil, err
	}
	if a.rest {
		return c.connectREST(s, a.target, question)
	}
	if c.Connections == 0 {
		c.Connections = 1
	}
	var links []*link
	closeAll = func() {
		for _, l := range links {
			l.close()
		}
	}
	var asked []checker
	for range c.Connections {
		l, err := c.dial(s.link.secret, s.Terminal)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		links = append(links, l)
		// Without the link, whose help for single calls costs time.
		check, err := newGRPCCheck(l.to, question)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		asked = append(asked, check)
	}
	for i := range c.InFlight {
		checks = append(checks, asked[i%len(asked)])
	}
	return checks, closeAll, nil
}

func (c *Bench) connectREST(s *session, base string, question *pb.CheckKeyRequest) (checks []checker, closeAll func(), err error) {
	if c.Connections != 0 {
		return nil, nil, usagef("--connections: over REST each call in flight has a connection of its own")
	}
	config, err := c.tlsConfig()
	if err != nil {
		return nil, nil, err
	}
	client := newRESTLoad(config, c.InFlight)
	for range c.InFlight {
		check, err := newRESTCheck(client, base, s.link.secret, question)
		if err != nil {
			return nil, nil, err
		}
		checks = append(checks, check)
	}
	return checks, client.CloseIdleConnections, nil
}

// probe makes a call on each gRPC connection, or one over REST: connections stand
// then, and what no call would get past is told before the load is put on.
func (c *Bench) probe(ctx context.Context, checks []checker, secret string) error {
	for _, check := range checks[:max(1, c.Connections)] {
		limited, cancel := context.WithTimeout(ctx, c.Timeout)
		_, err := check.check(limited, secret)
		cancel()
		if err != nil {
			f := failureOf(err)
			// Whatever answers there, it may repeat what it was asked.
			f.message = strings.ReplaceAll(f.message, secret, "[redacted]")
			return f
		}
	}
	return nil
}

// calls are the checks with a key chosen for each.
func (c *Bench) calls(checks []checker, keys *secrets, t *Terminal) ([]load.Call, error) {
	var exponent float64
	if c.Zipf != nil {
		exponent = *c.Zipf
	}
	choice, err := load.NewChoice(len(keys.all), exponent, t.Random)
	if err != nil {
		return nil, unexpectedf("%w", err)
	}
	var out []load.Call
	for i, check := range checks {
		next := choice.Chooser(uint64(i))
		out = append(out, func(ctx context.Context) load.Answer {
			reason, err := check.check(ctx, keys.all[next()])
			if err != nil {
				return load.Answer{Error: errorName(err)}
			}
			return load.Answer{Verdict: reason.String()}
		})
	}
	return out, nil
}
