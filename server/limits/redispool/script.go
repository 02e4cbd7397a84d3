package redispool

import (
	"context"
	"crypto/sha1" //nolint:gosec // it is what Redis names a script by
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// common is what both scripts begin with. A time or a span is two numbers, its
// microseconds and the nanoseconds below them. What is owed is the time until the
// counter is whole again.
//
// ARGV are the interval's microseconds and nanoseconds, and the burst.
const common = `
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local stepU, stepN, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

-- The time that n tokens take to come back.
local function span(n)
  local nanos = n * stepN
  local rest = math.fmod(nanos, 1000)
  return n * stepU + (nanos - rest) / 1000, rest
end

local owedU, owedN = 0, 0
local state = redis.pcall('GET', KEYS[1])
if state then
  local u, nanos
  if type(state) == 'string' and #state <= 19 then
    u, nanos = string.match(state, '^(%d+)(%d%d%d)$')
  end
  if u and u - now <= 2305843009213693 then
    if u - now >= 0 then
      owedU, owedN = u - now, tonumber(nanos)
    end
  else
    owedU, owedN = span(burst)
  end
end

local function keep()
  redis.call('SET', KEYS[1], string.format('%.0f%03d', now + owedU, owedN), 'PX', math.ceil(owedU / 1000) + 1000)
end
`

// take takes between ARGV[5] and ARGV[4] tokens, or none; with an ARGV[4] of 0 it
// looks. It gives what it took, and what is owed after it.
const take = common + `
local want, least, given = tonumber(ARGV[4]), tonumber(ARGV[5]), 0
if want > 0 then
  local roomU, roomN = span(burst)
  roomU, roomN = roomU - owedU, roomN - owedN
  if roomN < 0 then
    roomU, roomN = roomU - 1, roomN + 1000
  end
  given = want
  local u, nanos = span(want)
  if u > roomU or u == roomU and nanos > roomN then
    -- The quotient is rounded, so it may be off by one.
    given = math.min(want, math.floor((roomU * 1000 + roomN) / (stepU * 1000 + stepN)) + 2)
    repeat
      given = given - 1
      u, nanos = span(given)
    until given < least or u < roomU or u == roomU and nanos <= roomN
  end
  if given < least then
    given = 0
  else
    owedU, owedN = owedU + u, owedN + nanos
    if owedN >= 1000 then
      owedU, owedN = owedU + 1, owedN - 1000
    end
    keep()
  end
end
return {given, owedU, owedN}
`

// giveBack returns ARGV[4] tokens.
const giveBack = common + `
if state then
  local u, nanos = span(tonumber(ARGV[4]))
  owedU, owedN = owedU - u, owedN - nanos
  if owedN < 0 then
    owedU, owedN = owedU - 1, owedN + 1000
  end
  if owedU < 0 or owedU == 0 and owedN == 0 then
    redis.call('DEL', KEYS[1])
  else
    keep()
  end
end
return 0
`

// script is a script and the name that a Redis knows it by once it is loaded.
type script struct{ text, hash string }

func newScript(text string) script {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // as above
	return script{text: text, hash: hex.EncodeToString(sum[:])}
}

// on makes the command that runs the script on a key: by its name, or whole.
func (s script) on(ctx context.Context, whole bool, key string, args []any) once {
	words := make([]any, 0, 4+len(args))
	if whole {
		words = append(words, "eval", s.text, 1, key)
	} else {
		words = append(words, "evalsha", s.hash, 1, key)
	}
	cmd := redis.NewCmd(ctx, append(words, args...)...)
	cmd.SetFirstKeyPos(3)
	return once{cmd}
}

// once is a command that is not sent again after an error that leaves open whether
// it ran. Retries alone being off is not enough: a cluster's client repeats what it
// sent to a node that hung up.
type once struct{ *redis.Cmd }

// NoRetry is what go-redis asks.
func (once) NoRetry() bool { return true }

// run runs a script for each key, in one pipeline. What a Redis did not run, as it
// did not know the script, it is sent again with its text.
func (p *Pool) run(ctx context.Context, s script, keys []string, args [][]any) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	answers := make([]any, len(keys))
	asked := make([]int, len(keys))
	for i := range asked {
		asked[i] = i
	}
	for _, whole := range []bool{false, true} {
		cmds := make([]once, len(asked))
		pipe := p.client.Pipeline()
		for n, i := range asked {
			cmds[n] = s.on(ctx, whole, keys[i], args[i])
			_ = pipe.Process(ctx, cmds[n]) // it queues
		}
		_, err := pipe.Exec(ctx)
		var unknown []int
		for n, i := range asked {
			switch answer, failed := cmds[n].Result(); {
			case failed == nil:
				answers[i] = answer
			case !whole && isUnknown(failed):
				unknown = append(unknown, i)
			default:
				return nil, fmt.Errorf("redis: %w", failed)
			}
		}
		if len(unknown) == 0 {
			if err != nil && !isUnknown(err) {
				return nil, fmt.Errorf("redis: %w", err)
			}
			return answers, nil
		}
		asked = unknown
	}
	return nil, errors.New("redis: a script that was sent is not known")
}

// isUnknown tells whether a Redis did not run a script as it does not know it.
func isUnknown(err error) bool {
	var said redis.Error
	return errors.As(err, &said) && strings.HasPrefix(said.Error(), "NOSCRIPT ")
}
