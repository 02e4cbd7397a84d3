package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// caller keeps some calls in flight over one connection, each begun when one before
// it has been answered.
type caller struct {
	wire *wire
	// ask writes the next question, and judge fails on an answer that spoils the load.
	ask   func(room []byte) []byte
	judge func(answer []byte) error

	room     []byte
	calls    map[uint32]*pending
	finished []*pending
	// latencies are those of calls that lie within the measured time, answered how
	// many calls there were in all.
	latencies []time.Duration
	answered  int
}

// pending is a call in flight.
type pending struct {
	began  time.Time
	answer []byte
}

// run keeps n calls in flight until end, and then waits for the last of them.
func (c *caller) run(ctx context.Context, n int, begin, end time.Time) error {
	stop := context.AfterFunc(ctx, func() { _ = c.wire.connection.Close() })
	defer stop()
	// A server that stops to answer must not keep the run waiting.
	if err := c.wire.connection.SetReadDeadline(end.Add(10 * time.Second)); err != nil {
		return err
	}
	c.calls = make(map[uint32]*pending, n)
	now := time.Now()
	for range n {
		if err := c.begin(now); err != nil {
			return err
		}
	}
	for len(c.calls) > 0 {
		if c.wire.idle() {
			if err := c.wire.flush(); err != nil {
				return errors.Join(context.Cause(ctx), err)
			}
		}
		stream, data, over, err := c.wire.read()
		if err != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		p := c.calls[stream]
		if p == nil {
			continue
		}
		p.answer = append(p.answer, data...)
		if !over {
			continue
		}
		now := time.Now()
		delete(c.calls, stream)
		if err := c.finish(p, now, begin, end); err != nil {
			return err
		}
		if now.Before(end) {
			if err := c.begin(now); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *caller) begin(now time.Time) error {
	c.room = c.ask(c.room[:0])
	stream, err := c.wire.call(c.room)
	if err != nil {
		return err
	}
	p := &pending{}
	if n := len(c.finished); n > 0 {
		p, c.finished = c.finished[n-1], c.finished[:n-1]
	}
	p.began, p.answer = now, p.answer[:0]
	c.calls[stream] = p
	return nil
}

// grpcHead is what stands before a message.
const grpcHead = 5

func (c *caller) finish(p *pending, now, begin, end time.Time) error {
	if len(p.answer) < grpcHead {
		// Only the headers say why, and nobody read them.
		return errors.New("a call failed")
	}
	if err := c.judge(p.answer[grpcHead:]); err != nil {
		return fmt.Errorf("a call that spoils the load: %w", err)
	}
	c.answered++
	if !p.began.Before(begin) && !now.After(end) {
		c.latencies = append(c.latencies, now.Sub(p.began))
	}
	c.finished = append(c.finished, p)
	return nil
}
