package redispool

import (
	"errors"
	"math"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// mostTokens bounds a burst, so that what the scripts count with stays exact: below
// 10^15 for nanoseconds that still hold microseconds.
const mostTokens = 1_000_000_000_000

// longest is the longest that a state may take to become whole, as access.Pace has
// it.
const longest = math.MaxInt64 / 4

// pace is a rate as the scripts are told it. A step of 0 lets nothing through.
type pace struct {
	access.Pace
	step, burst int64
}

func newPace(r access.Rate) pace {
	p := pace{Pace: r.Pace()}
	if p.Left(0, 0) > mostTokens {
		r.Burst = mostTokens
		p.Pace = r.Pace()
	}
	p.step, _ = p.Take(0, 0, 1)
	p.burst = p.Left(0, 0)
	return p
}

// asking gives the arguments of the script take. Who wants nothing looks.
func (p *pace) asking(want, least int64, taking bool) []any {
	want = min(want, p.burst)
	if !taking || least < 1 || want < least {
		want, least = 0, 0
	}
	return []any{p.step / 1000, p.step % 1000, p.burst, want, least}
}

// returning gives the arguments of the script giveBack.
func (p *pace) returning(tokens int64) []any {
	return []any{p.step / 1000, p.step % 1000, p.burst, min(tokens, mostTokens, longest/p.step)}
}

var errAnswer = errors.New("redis: the answer is not one of the script")

// given reads the answer of the script take.
func (p *pace) given(answer any, least int64) (limits.Given, error) {
	list, ok := answer.([]any)
	if !ok || len(list) != 3 {
		return limits.Given{}, errAnswer
	}
	var numbers [3]int64
	for i, n := range list {
		if numbers[i], ok = n.(int64); !ok {
			return limits.Given{}, errAnswer
		}
	}
	owed := numbers[1]*1000 + numbers[2]
	g := limits.Given{Tokens: numbers[0], Left: p.Left(owed, 0), Reset: micros(p.Reset(owed, 0))}
	if g.Tokens == 0 {
		g.Retry = micros(p.Retry(owed, 0, least))
	}
	return g, nil
}

// micros rounds up to what the clock of Redis counts in.
func micros(d time.Duration) time.Duration {
	if d == access.Never {
		return d
	}
	return (d + time.Microsecond - 1).Truncate(time.Microsecond)
}
