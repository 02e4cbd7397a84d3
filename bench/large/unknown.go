package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// unknownAtOnce is how many keys are asked about in one call: one call a key would
// measure the calls.
const unknownAtOnce = 100

// flood is what a flood of unknown keys did to a server.
type flood struct {
	Keys          int     `json:"keys"`
	KeysPerMinute float64 `json:"keys_per_minute"`
	// Store counts the operations on the store meanwhile, but for the ones that go on
	// while nobody asks anything.
	Store map[string]int `json:"store_operations"`
	// Grown is by how much resident memory grew from the first half to the end: the
	// first half fills buffers.
	Grown int64 `json:"grown_bytes"`
}

// usual tells whether an operation goes on while nobody asks anything: to follow the
// change log, to hold the lease, and to forget what is past its time.
func usual(operation string) bool {
	return operation == "changes_since" || operation == "renew_lease" || operation == "forget_decisions"
}

// unknownKeys asks, for some time, about keys that nobody ever had.
func unknownKeys(ctx context.Context, v *server, span time.Duration, seed uint64) (flood, error) {
	before, err := storeOperations(ctx, v)
	if err != nil {
		return flood{}, err
	}
	keys := 0
	half := func() (memory, error) {
		callers, err := open(ctx, v.grpc, keystilev1.KeyService_CheckKeys_FullMethodName, 2, func(c *caller, n int) {
			c.ask, c.judge = unknownBatch(seed+uint64(keys), uint64(n)), notFound //nolint:gosec // never negative
		})
		if err != nil {
			return memory{}, err
		}
		begin := time.Now()
		if err := <-drive(ctx, callers, 8, begin, begin.Add(span/2)); err != nil {
			return memory{}, err
		}
		for _, c := range callers {
			keys += c.answered * unknownAtOnce
		}
		return memoryOf(v.pid)
	}
	middle, err := half()
	if err != nil {
		return flood{}, err
	}
	last, err := half()
	if err != nil {
		return flood{}, err
	}
	after, err := storeOperations(ctx, v)
	if err != nil {
		return flood{}, err
	}
	f := flood{Keys: keys, KeysPerMinute: float64(keys) / span.Minutes(), Grown: last.Now - middle.Now, Store: map[string]int{}}
	for operation, n := range after {
		if more := n - before[operation]; more > 0 && !usual(operation) {
			f.Store[operation] = more
		}
	}
	return f, nil
}

// unknownBatch gives questions about keys that are well formed and new each time.
func unknownBatch(seed, stream uint64) func([]byte) []byte {
	random := rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // what is asked about is no secret
	var question []byte
	return func(room []byte) []byte {
		for range unknownAtOnce {
			var source [32]byte
			for at := 0; at < len(source); at += 8 {
				binary.LittleEndian.PutUint64(source[at:], random.Uint64())
			}
			question = appendKey(question[:0], drawn(source))
			room = protowire.AppendBytes(protowire.AppendTag(room, 1, protowire.BytesType), question)
		}
		return room
	}
}

// notFound fails unless every key of a batch was refused as an unknown one.
func notFound(answer []byte) error {
	verdicts := &keystilev1.CheckKeysResponse{}
	if err := proto.Unmarshal(answer, verdicts); err != nil {
		return err
	}
	if n := len(verdicts.GetResults()); n != unknownAtOnce {
		return fmt.Errorf("%d answers to %d questions", n, unknownAtOnce)
	}
	for _, v := range verdicts.GetResults() {
		if v.GetReason() != keystilev1.Verdict_KEY_NOT_FOUND {
			return fmt.Errorf("an unknown key: %s", v.GetReason())
		}
	}
	return nil
}

// storeOperations reads how many operations on the store there have been, by name.
func storeOperations(ctx context.Context, v *server) (map[string]int, error) {
	page, err := get(ctx, "http://"+v.ops+"/metrics")
	if err != nil {
		return nil, err
	}
	return countOperations(string(page))
}

func countOperations(page string) (map[string]int, error) {
	const metric = `keystile_store_duration_seconds_count{operation="`
	counts := map[string]int{}
	for line := range strings.Lines(page) {
		rest, ok := strings.CutPrefix(line, metric)
		if !ok {
			continue
		}
		operation, rest, _ := strings.Cut(rest, `"`)
		_, value, _ := strings.Cut(rest, "} ")
		var n float64
		if _, err := fmt.Sscan(value, &n); err != nil {
			return nil, fmt.Errorf("a metric that can't be read: %q", line)
		}
		counts[operation] += int(n)
	}
	if len(counts) == 0 {
		return nil, fmt.Errorf("the server counts no operations on its store")
	}
	return counts, nil
}
