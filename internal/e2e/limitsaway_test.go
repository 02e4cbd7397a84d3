package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/redistest"
)

// A quota is never overspent. What a replica holds comes back when it stops, and
// counts as spent when it is killed.
func TestQuotasSurviveReplicas(t *testing.T) {
	url := migrated(t)
	f := newFleet(t, url, alike(3)...)
	for _, way := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for _, limit := range []int{100, 1200} {
			f.undisturbed(func() string { return f.through(way, url, limit) })
		}
	}
}

// through spends a quota while a replica ends and starts again.
func (f *fleet) through(way syscall.Signal, url string, limit int) string {
	f.t.Helper()
	began := time.Now()
	_, secret := f.bounded(total(limit))
	before := f.load(secret, limit/10, limit/10, limit/3)
	last := f.replicas[2]
	f.unheard += last.unanswered()
	last.signal(way)
	if code := last.exit(); way == syscall.SIGTERM && (code != 0 || strings.Contains(last.log.String(), "not returned")) {
		f.t.Errorf("it ended with %d", code)
	}
	f.replicas[2] = serve(f.t, "--database-url", url)
	least := limit
	if way == syscall.SIGKILL {
		// Three replicas part what is left in 60 shares, and each holds one at the most.
		least -= limit/60 + 1
	}
	spent, lacking := f.spend(secret, before.allowed, least, limit)
	f.t.Logf("%s, a quota of %d: %d are spent before and %d in all, in %s", way, limit, before.allowed, spent, time.Since(began))
	return lacking
}

// Without Redis each replica goes on with its fair share, at once, and says so. When
// Redis is back, so are shared limits.
func TestLimitsWithoutRedis(t *testing.T) {
	redis := redistest.Start(t)
	f := newFleet(t, migrated(t), alike(3, "--redis-url", "redis://"+redis.Addr()+"/0")...)
	for _, loss := range []struct {
		name       string
		begin, end func(testing.TB)
	}{{"paused", redis.Pause, redis.Resume}, {"killed", redis.Kill, redis.Restart}} {
		_, known := f.bounded(hourly(300))
		_, fresh := f.bounded(hourly(300))
		_, quota := f.bounded(total(100))
		f.undisturbed(func() string {
			if got := f.load(known, 1, 1, 1); got.degraded > 0 {
				return fmt.Sprintf("%d of 3 are degraded with Redis there", got.degraded)
			}
			return ""
		})
		loss.begin(t)
		got := f.load(fresh, 150, 150, 150)
		t.Logf("%s: %v of 300 an hour, p99 %s", loss.name, got.each, got.slowest())
		for replica, allowed := range got.each {
			// While the test runs next to nothing comes back.
			if allowed < 100 || allowed > 102 {
				t.Errorf("%s: replica %d has allowed %d, and its share is 100", loss.name, replica, allowed)
			}
		}
		if got.degraded != 450 || !got.only("RATE_LIMITED") || got.slowest() > 200*time.Millisecond {
			t.Errorf("%s: %d are degraded, p99 %s, refused %v", loss.name, got.degraded, got.slowest(), got.refused)
		}
		// Of a limit that was shared before, a share is of what was left then.
		got = f.load(known, 150, 150, 150)
		t.Logf("%s: %v of 300 an hour that were shared before", loss.name, got.each)
		if got.allowed > 300-3+3 || got.allowed < 270 || got.degraded < 440 || !got.only("RATE_LIMITED") {
			t.Errorf("%s: %v, %d are degraded, refused %v", loss.name, got.each, got.degraded, got.refused)
		}
		if v := f.check(1, quota); !v.Allowed || v.Limit.Degraded {
			t.Errorf("%s: a quota, which is not in Redis: %+v", loss.name, v)
		}
		loss.end(t)
		_, probe := f.bounded(hourly(1_000_000))
		for replica := range f.replicas {
			eventually(t, 20*time.Second, "limits are shared again", func() bool { return !f.check(replica, probe).Limit.Degraded })
		}
		f.repaid(fresh, loss.name)
		f.small(t)
	}
}

// repaid: every replica pays back what it let through alone. Together that was all that
// there is, so next to nothing is left.
func (f *fleet) repaid(secret, loss string) {
	f.t.Helper()
	for replica := range f.replicas {
		eventually(f.t, 5*time.Second, "a limit is shared again", func() bool { return !f.check(replica, secret).Limit.Degraded })
	}
	// By now one call of each may have been let through, with what others were yet to pay.
	got := f.load(secret, 40, 40, 40)
	f.t.Logf("%s: of what was spent without Redis %v more are allowed after", loss, got.each)
	if got.allowed > 3 {
		f.t.Errorf("%s: a limit that was spent without Redis is not paid back: %v more are allowed, refused %v", loss, got.each, got.refused)
	}
}

// deny refuses without Redis, and allow lets everything through.
func TestLimitsOnStoreLoss(t *testing.T) {
	redis := redistest.Start(t)
	shared := []string{"--redis-url", "redis://" + redis.Addr() + "/0", "--limits-on-store-loss"}
	f := newFleet(t, migrated(t), append(shared[:3:3], "deny"), append(shared[:3:3], "allow"))
	for _, loss := range []struct {
		name       string
		begin, end func(testing.TB)
	}{{"paused", redis.Pause, redis.Resume}, {"killed", redis.Kill, redis.Restart}} {
		_, secret := f.bounded(hourly(5))
		_, quota := f.bounded(total(100))
		loss.begin(t)
		got := f.load(secret, 30, 30)
		if got.each[0] != 0 || got.each[1] != 30 || got.degraded != 60 || !got.only("RATE_LIMITED") || got.slowest() > 200*time.Millisecond {
			t.Errorf("%s: allowed %v, %d are degraded, p99 %s, refused %v", loss.name, got.each, got.degraded, got.slowest(), got.refused)
		}
		for replica := range f.replicas {
			if v := f.check(replica, quota); !v.Allowed || v.Limit.Degraded {
				t.Errorf("%s: a quota, which is not in Redis: %+v", loss.name, v)
			}
		}
		loss.end(t)
		_, probe := f.bounded(hourly(1_000_000))
		for replica := range f.replicas {
			eventually(t, 20*time.Second, "limits are shared again", func() bool { return !f.check(replica, probe).Limit.Degraded })
		}
		f.undisturbed(func() string {
			_, secret := f.bounded(hourly(5))
			if got := f.load(secret, 20, 20); got.allowed != 5 || got.degraded > 0 || !got.only("RATE_LIMITED") {
				return fmt.Sprintf("%s: 5 an hour after all: allowed %v, %d are degraded, refused %v", loss.name, got.each, got.degraded, got.refused)
			}
			return ""
		})
	}
}
