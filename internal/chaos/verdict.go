package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// searchTime is the most that porcupine may take for one key.
const searchTime = time.Minute

// Verdict is what a run's history comes to.
type Verdict struct {
	Keys, Ops int
	// Broken are the keys whose history breaks a rule, Impossible those that no
	// order of events explains, and Unclear those that porcupine gave up on.
	Broken              map[*Key][]Breach
	Impossible, Unclear []*Key
	// Overdrafts are the limits of which too much was let through.
	Overdrafts []Overdraft
	Took       time.Duration
}

// Good tells whether everything was seen to be as promised.
func (v *Verdict) Good() bool {
	return len(v.Broken)+len(v.Impossible)+len(v.Unclear)+len(v.Overdrafts) == 0
}

// Judge judges what clients saw in a run.
func Judge(r *Run) *Verdict {
	began := time.Now()
	keys := r.History.Keys()
	v := &Verdict{Keys: len(keys), Broken: map[*Key][]Breach{}}
	next := make(chan *Key)
	var mu sync.Mutex
	var searching sync.WaitGroup
	for range 2 {
		searching.Go(func() {
			for k := range next {
				ops := k.Ops()
				found := breaches(ops)
				result := porcupine.CheckOperationsTimeout(model(), operations(ops), searchTime)
				mu.Lock()
				v.Ops += len(ops)
				if len(found) > 0 {
					v.Broken[k] = found
				}
				switch result {
				case porcupine.Illegal:
					v.Impossible = append(v.Impossible, k)
				case porcupine.Unknown:
					v.Unclear = append(v.Unclear, k)
				case porcupine.Ok:
				}
				mu.Unlock()
			}
		})
	}
	for _, k := range keys {
		next <- k
	}
	close(next)
	v.Overdrafts = r.Book.overdrafts(r.circumstances(), 0)
	searching.Wait()
	v.Took = time.Since(began)
	return v
}

// mostLines is how much of a history is printed; the file has all of it.
const mostLines = 60

// Explain says what was wrong, and writes what can't be printed into a folder:
// each offending key's history, and porcupine's picture of it.
func (v *Verdict) Explain(folder string) (string, error) {
	var b strings.Builder
	offending := map[*Key]bool{}
	for _, k := range v.Impossible {
		offending[k] = true
		fmt.Fprintf(&b, "key %s: no order of events explains what was seen\n", k.ID)
	}
	for _, k := range v.Unclear {
		offending[k] = true
		fmt.Fprintf(&b, "key %s: porcupine came to no end in %s\n", k.ID, searchTime)
	}
	for k, found := range v.Broken {
		offending[k] = true
		fmt.Fprintf(&b, "key %s: %d times\n  %s\n", k.ID, len(found), found[0].String())
	}
	for i := range v.Overdrafts {
		o := &v.Overdrafts[i]
		path := filepath.Join(folder, fmt.Sprintf("overdraft-%d.txt", i))
		if err := os.WriteFile(path, []byte(o.lines()), 0o600); err != nil {
			return b.String(), fmt.Errorf("writing what was spent: %w", err)
		}
		fmt.Fprintf(&b, "%s\nwhat was let through: %s\n", o, path)
	}
	shown := 0
	for k := range offending {
		ops := k.Ops()
		path := filepath.Join(folder, k.ID)
		if err := os.WriteFile(path+".txt", []byte(lines(ops)), 0o600); err != nil {
			return b.String(), fmt.Errorf("writing the history: %w", err)
		}
		fmt.Fprintf(&b, "history of key %s: %s.txt\n", k.ID, path)
		if shown++; shown > 3 {
			continue
		}
		_, info := porcupine.CheckOperationsVerbose(model(), operations(ops), searchTime)
		if err := porcupine.VisualizePath(model(), info, path+".html"); err != nil {
			return b.String(), fmt.Errorf("drawing the history: %w", err)
		}
		fmt.Fprintf(&b, "picture of key %s: %s.html\n", k.ID, path)
		if shown == 1 {
			fmt.Fprintf(&b, "what was done with key %s, its writes and what lies around the breach:\n%s", k.ID, lines(excerpt(ops, v.Broken[k])))
		}
	}
	return b.String(), nil
}

// excerpt gives a key's writes, and the checks around its first breach.
func excerpt(ops []Op, found []Breach) []Op {
	var out []Op
	for i := range ops {
		near := len(found) == 0 || (ops[i].Call-found[0].Op.Call).Abs() < 200*time.Millisecond
		if ops[i].isWrite() || near && len(out) < mostLines {
			out = append(out, ops[i])
		}
	}
	return out
}

func lines(ops []Op) string {
	var b strings.Builder
	for i := range ops {
		b.WriteString(ops[i].String())
		b.WriteByte('\n')
	}
	return b.String()
}

// Summary says what a run consisted of.
func (r *Run) Summary() string {
	t := r.tally
	return fmt.Sprintf(
		"checks: %d allowed, %d refused, %d undecided, %d at a revision; reads: %d\n"+
			"writes: %d confirmed, %d pending with a stop time, %d pending without, %d open, %d without effect\n"+
			"        %d created, %d rotated, %d revoked, %d disabled, %d enabled\n%sfaults: %v",
		t.allowed.Load(), t.refused.Load(), t.undecided.Load(), t.atLeast.Load(), t.reads.Load(),
		t.confirmed.Load(), t.pending.Load(), t.unnamed.Load(), t.open.Load(), t.failed.Load(),
		t.created.Load(), t.rotated.Load(), t.revoked.Load(), t.disabled.Load(), t.enabled.Load(), r.Book.summary(), r.Did)
}

// schedule tells what went wrong when, for whoever reads a failure.
func (r *Run) schedule() string { return strings.Join(r.Diary, "\n") }

// answered wants every answer to have been one, or a failure that is to be expected.
func (r *Run) answered() error {
	if odd := r.tally.odd.Load(); odd > 0 {
		return fmt.Errorf("%d answers were neither an answer nor a failure that is to be expected", odd)
	}
	return nil
}

// eventful wants a run to have been one: a history in which nothing happened
// breaks no promise.
func (r *Run) eventful() error {
	t := r.tally
	switch {
	case t.allowed.Load() < 200 || t.refused.Load() < 200 || t.undecided.Load() == 0 || t.atLeast.Load() < 20:
		return errors.New("too few checks came to something")
	case t.confirmed.Load() < 20 || t.pending.Load() == 0 || t.revoked.Load() < 3 || t.disabled.Load() < 3 || t.rotated.Load() < 3:
		return errors.New("too few writes came to something")
	}
	return errors.Join(r.Book.eventfulRates(), r.Book.eventfulQuotas())
}
