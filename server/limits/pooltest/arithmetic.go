package pooltest

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// model follows the state of one counter. The pool reads its clock at some moment
// between two that the suite reads, so the state is known as one that lies between
// two.
type model struct {
	lo, hi int64
	// fine counts as access.Rate does, and coarse as a pool may that rounds.
	fine, coarse         access.Pace
	fineStep, coarseStep int64
	rate                 access.Rate
}

func (m *model) follow(rate access.Rate, interval time.Duration) {
	m.rate, m.fine = rate, rate.Pace()
	m.fineStep, _ = m.fine.Take(0, 0, 1)
	m.coarseStep = (m.fineStep + int64(interval) - 1) / int64(interval) * int64(interval)
	m.coarse = access.Rate{Period: time.Duration(m.coarseStep), Requests: 1, Burst: m.fine.Left(0, 0)}.Pace()
}

// spent notes what was taken between two moments, or returned.
func (m *model) spent(n, from, to int64) {
	m.lo, m.hi = max(m.lo, from), max(m.hi, to)
	if n >= 0 {
		m.lo, m.hi = m.lo+n*m.fineStep, m.hi+n*m.coarseStep
	} else {
		m.lo, m.hi = m.lo+n*m.coarseStep, m.hi+n*m.fineStep
	}
}

// drawRate draws a rate, likelier of a few numbers than of many.
func drawRate(t *rapid.T) access.Rate {
	power := func(name string, most int) int64 {
		n := int64(1)
		for range rapid.IntRange(0, most).Draw(t, name) {
			n *= 10
		}
		return rapid.Int64Range(n, min(10*n, 1_000_000_000)).Draw(t, name)
	}
	return access.Rate{
		Period:   time.Duration(power("period in milliseconds", 8)) * time.Millisecond,
		Requests: power("requests", 8),
		Burst:    power("burst", 8) - 1,
	}
}

func testArithmetic(t *testing.T, s *suite) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{}
		key, rate := newKey(), drawRate(t)
		m.follow(rate, s.clock.Interval)
		cost := func(name string, least int64) int64 {
			most := max(least, m.fine.Left(0, 0))
			return min(max(least, most/rapid.Int64Range(1, 20).Draw(t, name)), most+1)
		}
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				least := cost("least", 1)
				ask := limits.Ask{Key: key, Rate: m.rate, Least: least, Want: cost("want", least)}
				from := s.read()
				got := s.take(t, ask)[0]
				m.judge(t, s, ask, got, true, from, s.read())
			},
			"look": func(t *rapid.T) {
				ask := limits.Ask{Key: key, Rate: m.rate, Least: cost("least", 1), Want: 1 << 40}
				from := s.read()
				got := s.look(t, ask)[0]
				m.judge(t, s, ask, got, false, from, s.read())
			},
			"return": func(t *rapid.T) {
				n := cost("tokens", 0)
				from := s.read()
				s.giveBack(t, limits.Back{Key: key, Rate: m.rate, Tokens: n})
				m.spent(-n, from, s.read())
			},
			"reset": func(t *rapid.T) {
				s.reset(t, key)
				m.lo, m.hi = 0, 0
			},
			"wait": func(*rapid.T) { s.clock.Wait(time.Duration(rand.IntN(2_000_000))) },
			"change": func(t *rapid.T) {
				m.follow(drawRate(t), s.clock.Interval)
			},
		})
	})
}

// read reads the clock as the pool may have read it at the earliest.
func (s *suite) read() int64 {
	now := s.clock.Now().UnixNano()
	return now - now%int64(s.clock.Grain)
}

// judge holds an answer to the model. The question was asked after one moment, and
// answered before another.
func (m *model) judge(t fatal, s *suite, ask limits.Ask, got limits.Given, take bool, from, to int64) {
	t.Helper()
	grain := int64(s.clock.Grain)
	to += grain
	if take {
		least, most := min(ask.Want, m.coarse.Left(m.hi, from)), min(ask.Want, m.fine.Left(m.lo, to))
		if least < ask.Least {
			least = 0
		}
		if most < ask.Least {
			most = 0
		}
		if got.Tokens < least || got.Tokens > most || got.Tokens > 0 && got.Tokens < ask.Least {
			t.Fatalf("%+v: got %+v, want %d to %d", ask, got, least, most)
		}
	}
	if got.Tokens == 0 {
		early, late := m.fine.Retry(m.lo, to, ask.Least), m.coarse.Retry(m.hi, from, ask.Least)
		if late != access.Never {
			late += s.clock.Grain
		}
		if got.Retry < early || got.Retry > late {
			t.Fatalf("%+v: got %+v, want again in %v to %v", ask, got, early, late)
		}
	}
	m.spent(got.Tokens, from, to)
	if least, most := m.coarse.Left(m.hi, from), m.fine.Left(m.lo, to); got.Left < least || got.Left > most {
		t.Fatalf("%+v: got %+v, want %d to %d left", ask, got, least, most)
	}
	// When it is whole again says more of the state than the model knew.
	reset := int64(got.Reset)
	if m.lo > to+reset || reset > 0 && m.hi < from+reset-grain {
		t.Fatalf("%+v: got %+v, want whole in %v to %v", ask, got, m.fine.Reset(m.lo, to), m.fine.Reset(m.hi, from))
	}
	if m.hi = min(m.hi, to+reset); reset > 0 {
		m.lo = max(m.lo, from+reset-grain)
	}
}
