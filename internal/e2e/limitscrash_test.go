package e2e

import (
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
)

// A replica that is killed while it answers costs what it held, and nothing else: no
// limit is overspent, and the rest can be spent.
func TestLimitsSurviveAKillUnderLoad(t *testing.T) {
	url := migrated(t)
	f := newFleet(t, url, alike(3)...)
	for _, limit := range []int{100, 1200} {
		f.undisturbed(func() string { return f.killedUnderLoad(url, total(limit), limit, "QUOTA_EXCEEDED") })
	}
	f.undisturbed(func() string { return f.killedUnderLoad(url, hourly(600), 600, "RATE_LIMITED") })
}

// killedUnderLoad spends half of a limit while a replica is killed, and then the rest.
func (f *fleet) killedUnderLoad(url string, limits object, limit int, reason string) string {
	f.t.Helper()
	_, secret := f.bounded(limits)
	f.load(secret, 1, 1, 1)
	last := f.replicas[2]
	f.unheard += last.unanswered()
	var killing sync.WaitGroup
	killing.Go(func() {
		time.Sleep(15 * time.Millisecond)
		last.signal(syscall.SIGKILL)
	})
	before := f.load(secret, limit/6, limit/6, limit/6)
	killing.Wait()
	last.exit()
	f.replicas[2] = serve(f.t, "--database-url", url)
	spent, alone := before.allowed-before.alone+3, before.alone
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && spent < limit; time.Sleep(50 * time.Millisecond) {
		got := f.load(secret, slices.Repeat([]int{limit / 6}, 3)...)
		spent, alone = spent+got.allowed-got.alone, alone+got.alone
		// What the killed replica had locked in the store, others wait for in vain until
		// that has noticed: then nothing is decided.
		delete(got.refused, "STORE_UNAVAILABLE")
		if !got.only(reason) {
			f.t.Errorf("of a limit of %d: refused %v", limit, got.refused)
		}
		if got.allowed == 0 && time.Until(deadline) < 6*time.Second {
			break
		}
	}
	f.t.Logf("of a limit of %d, with a kill after %d: %d are let through, and %d alone", limit, before.allowed, spent, alone)
	if spent > limit {
		f.t.Errorf("of a limit of %d are spent %d", limit, spent)
	}
	// What it held is at most one share in sixty, of a rate limit less; it may have had a
	// call of each caller under way; and the rest holds a reserve back.
	if least := limit - limit/20 - callers; spent < least {
		return fmt.Sprintf("of a limit of %d are spent %d, at least %d were to be", limit, spent, least)
	}
	return ""
}

// Without Postgres a quota that is not held is not decided, and rate limits go on: when
// it is silent, and when it can't be connected to.
func TestLimitsWithoutPostgres(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Config{Durable: true})
	url := cluster.NewDatabase(t)
	if code, out := keystile(t, nil, "migrate", "--database-url", url); code != 0 {
		t.Fatal(out)
	}
	way := newLink(t, hostOf(t, url))
	f := newFleet(t, through(t, url, way), alike(2, "--max-staleness", "60s")...)
	for _, loss := range []struct {
		name       string
		begin, end func()
	}{
		{"silent", way.blackHole, func() { way.set(false) }},
		{"cut off", func() { way.set(true) }, func() { way.set(false) }},
		{"stopped", func() { cluster.Stop(t) }, func() { cluster.Restart(t) }},
		{"crashed", func() { cluster.Kill(t) }, func() { cluster.Restart(t) }},
	} {
		_, rate := f.bounded(hourly(300))
		_, quota := f.bounded(total(1000))
		before := f.load(quota, 100, 100)
		loss.begin()
		away := f.withoutPostgres(loss.name, rate, quota)
		loss.end()
		for replica := range f.replicas {
			eventually(t, 30*time.Second, "quotas are decided again", func() bool { return f.check(replica, quota).Reason != "STORE_UNAVAILABLE" })
			eventually(t, 30*time.Second, "rate limits are shared again", func() bool { return !f.check(replica, rate).Limit.Degraded })
		}
		// What was asked for without an answer is lost, and nothing is overspent.
		spent, lacking := f.spend(quota, before.allowed+away, 0, 1000)
		t.Logf("%s: of the quota are spent %d before, %d without Postgres and %d in all %s", loss.name, before.allowed, away, spent, lacking)
	}
}

// withoutPostgres wants of a rate limit of 300 each replica's share, and of a quota of
// 1000 only what is held. It gives how much that was.
func (f *fleet) withoutPostgres(loss, rate, quota string) int {
	f.t.Helper()
	away := f.load(quota, 150, 150)
	f.t.Logf("%s: of a quota %v without Postgres, p99 %s, refused %v", loss, away.each, away.slowest(), away.refused)
	// Two replicas part what is left in 40 shares.
	if away.allowed > 2*(1000/40+1) || !away.only("STORE_UNAVAILABLE") || away.slowest() > 200*time.Millisecond {
		f.t.Errorf("%s: of a quota %v are allowed without Postgres, p99 %s, refused %v", loss, away.each, away.slowest(), away.refused)
	}
	for replica := range f.replicas {
		if v := f.check(replica, quota); v.Allowed || v.status != 503 || v.Reason != "STORE_UNAVAILABLE" {
			f.t.Errorf("%s: a quota of which nothing is held: %d %s", loss, v.status, v.Reason)
		}
	}
	got := f.load(rate, 200, 200)
	f.t.Logf("%s: of a rate limit %v of 300 an hour, p99 %s", loss, got.each, got.slowest())
	for replica, allowed := range got.each {
		if allowed < 150 || allowed > 152 {
			f.t.Errorf("%s: replica %d has allowed %d, and its share is 150", loss, replica, allowed)
		}
	}
	if got.degraded != 400 || !got.only("RATE_LIMITED") || got.slowest() > 200*time.Millisecond {
		f.t.Errorf("%s: of a rate limit %d are degraded, p99 %s, refused %v", loss, got.degraded, got.slowest(), got.refused)
	}
	return away.allowed
}
