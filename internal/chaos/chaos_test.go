//go:build chaos

package chaos

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// How a run goes; see `make chaos` and `make chaos-short`.
var (
	seed     = flag.Uint64("seed", 0, "what a run is drawn from; 0 is another one every time")
	duration = flag.Duration("duration", 45*time.Second, "how long things go wrong")
	crowd    = flag.Int("clients", 24, "how many clients there are")
	lease    = flag.Duration("lease", 3*time.Second, "--max-staleness of the replicas")
)

func configure(t *testing.T, tags string) *Config {
	t.Helper()
	c := &Config{
		Binary: filepath.Join(t.TempDir(), "keystile"), Seed: *seed, Duration: *duration, Clients: *crowd, Lease: *lease, Log: t.Logf,
	}
	if c.Seed == 0 {
		c.Seed = uint64(time.Now().UnixNano())
	}
	if err := build(t.Context(), c.Binary, tags); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(os.Stderr, "%s: -seed %d -duration %s -clients %d -lease %s\n", t.Name(), c.Seed, c.Duration, c.Clients, c.Lease)
	return c
}

func TestReplicasKeepThePromise(t *testing.T) {
	config := configure(t, "")
	keepsThePromise(t, config, (*Run).eventful)
}

// Where replicas share rate limits through Redis, that and the way to it break too.
func TestReplicasKeepThePromiseWithRedis(t *testing.T) {
	config := configure(t, "")
	config.Redis = true
	config.Duration /= 3
	// What a shorter run with fewer clients does with keys and quotas proves little by
	// itself.
	config.Clients = min(config.Clients, 4)
	keepsThePromise(t, config, func(r *Run) error { return r.Book.eventfulRates() })
}

// keepsThePromise wants a run to be as promised, and to have been one.
func keepsThePromise(t *testing.T, config *Config, eventful func(*Run) error) {
	t.Helper()
	run, err := Do(t, config)
	v := Judge(run)
	t.Logf("%s\n%d operations on %d keys, judged in %s", run.Summary(), v.Ops, v.Keys, v.Took)
	if err == nil {
		err = run.answered()
	}
	if err == nil {
		err = eventful(run)
	}
	if err == nil && v.Good() {
		return
	}
	folder, keepErr := run.keep()
	if keepErr != nil {
		t.Log(keepErr)
	}
	text, explainErr := v.Explain(folder)
	if explainErr != nil {
		t.Log(explainErr)
	}
	if run.Found > 0 {
		t.Logf("noticed after %s", run.Found.Round(10*time.Millisecond))
	}
	t.Errorf("seed %d: %v\n%s\nlogs: %s\nwhat went wrong when:\n%s", config.Seed, err, text, folder, run.schedule())
}

// The same run has to fail when the server is broken on purpose; a proof that
// can't fail proves nothing.
func TestBrokenServersAreCaught(t *testing.T) {
	for _, tag := range []string{"mutant_skip_apply", "mutant_no_lease"} {
		t.Run(tag, func(t *testing.T) {
			config := configure(t, tag)
			// It ends as soon as something is noticed.
			config.Duration = max(config.Duration, 3*time.Minute)
			run, err := Do(t, config)
			v := Judge(run)
			t.Logf("noticed after %s; %d operations on %d keys, judged in %s", run.Found.Round(10*time.Millisecond), v.Ops, v.Keys, v.Took)
			if run.Found == 0 || len(v.Broken) == 0 {
				t.Errorf("the rules do not notice %s: %v\n%s\n%s", tag, err, run.Summary(), run.schedule())
			}
			if len(v.Impossible) == 0 {
				t.Errorf("porcupine does not notice %s: %v\n%s", tag, err, run.Summary())
			}
		})
	}
}

// So has one whose limits are broken on purpose.
func TestBrokenLimitsAreCaught(t *testing.T) {
	const tag = "mutant_keep_twice"
	config := configure(t, tag)
	config.Duration = max(config.Duration, 3*time.Minute)
	run, err := Do(t, config)
	v := Judge(run)
	for i := range v.Overdrafts {
		t.Logf("noticed after %s: %s", run.Found.Round(10*time.Millisecond), &v.Overdrafts[i])
	}
	if run.Found == 0 || !slices.ContainsFunc(v.Overdrafts, func(o Overdraft) bool { return o.Rule == ruleQuota }) {
		t.Errorf("the rules do not notice %s: %v\n%s\n%s", tag, err, run.Summary(), run.schedule())
	}
}
