package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/redistest"
)

// Three replicas share limits as if they were one, through Postgres and through Redis.
func TestLimitsAmongReplicas(t *testing.T) {
	for _, where := range []string{"Postgres", "Redis"} {
		t.Run(where, func(t *testing.T) {
			// A round trip that is late must not let a call through that nobody counted.
			args := []string{"--limits-on-store-loss", "deny"}
			if where == "Redis" {
				args = append(args, "--redis-url", "redis://"+redistest.Start(t).Addr()+"/0")
			}
			f := newFleet(t, migrated(t), alike(3, args...)...)
			if log := f.replicas[2].log.String(); !strings.Contains(log, `"where":"through `+where) {
				t.Fatalf("not shared through %s: %s", where, log)
			}
			f.small(t)
			f.large(t)
			f.shown(t)
			f.granted(t)
			f.changed(t)
		})
	}
}

// small: never more than a small limit says, and of it all but one for each replica.
func (f *fleet) small(t *testing.T) {
	t.Helper()
	f.undisturbed(func() string {
		_, secret := f.bounded(hourly(40))
		one := f.load(secret, 120, 30, 10)
		two := f.load(secret, 10, 30, 120)
		got := one.allowed + two.allowed
		t.Logf("40 an hour: %d allowed, by replica %v and %v, p99 %s", got, one.each, two.each, one.slowest())
		// What a late round trip had a replica decide by itself is not shared.
		if got-one.alone-two.alone > 40 || !one.only("RATE_LIMITED") || !two.only("RATE_LIMITED") {
			t.Errorf("40 an hour: %d allowed, refused %v and %v", got, one.refused, two.refused)
		}
		if got < 37 {
			return fmt.Sprintf("40 an hour: %d allowed", got)
		}
		return ""
	})
}

// large: at most 2 % more than a large limit says, and at least 95 % of it.
func (f *fleet) large(t *testing.T) {
	t.Helper()
	f.undisturbed(func() string {
		_, secret := f.bounded(hourly(2000))
		began := time.Now()
		one := f.load(secret, 1500, 300, 100)
		two := f.load(secret, 100, 300, 1000)
		came := 2000 + 2000*time.Since(began).Hours()
		got := one.allowed + two.allowed
		t.Logf("2000 an hour: %d allowed in %s, by replica %v and %v, p99 %s", got, time.Since(began), one.each, two.each, one.slowest())
		if float64(got) > 1.02*came || !one.only("RATE_LIMITED") || !two.only("RATE_LIMITED") {
			t.Errorf("2000 an hour: %d allowed, refused %v and %v", got, one.refused, two.refused)
		}
		if float64(got) < 0.95*2000 {
			return fmt.Sprintf("2000 an hour: %d allowed", got)
		}
		return ""
	})
}

// remaining asks a replica what is left of a key's rate limit and quota.
func (f *fleet) remaining(replica int, id string) (rate, quota string) {
	f.t.Helper()
	out := f.replicas[replica].call("GET", "/v1/keys/"+id+":limits", f.root, nil)
	for _, one := range out["limits"].([]any) {
		state, _ := one.(object)
		if left, _ := state["remaining"].(string); state["kind"] == "RATE" {
			rate = left
		} else {
			quota = left
		}
	}
	return rate, quota
}

// shown: each replica shows what was spent through another.
func (f *fleet) shown(t *testing.T) {
	t.Helper()
	f.undisturbed(func() (lacking string) {
		limits := hourly(40)
		limits["quotas"] = total(100)["quotas"]
		id, secret := f.bounded(limits)
		if spent := f.load(secret, 7); spent.allowed != 7 {
			return fmt.Sprintf("of 7 calls %d are allowed: %v", spent.allowed, spent.refused)
		}
		// What the first one holds counts as spent until it is given back, and nothing is
		// ever shown as left that is not.
		var rate, quota string
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if rate, quota = f.remaining(2, id); rate == "33" && quota == "93" {
				return ""
			}
			// Both have two digits, so that they compare as texts.
			if rate > "33" || quota > "93" {
				t.Errorf("left are shown to be %s of 40-7 and %s of 100-7", rate, quota)
			}
		}
		return fmt.Sprintf("left are shown to be %s of 40-7 and %s of 100-7", rate, quota)
	})
}

// granted: credits that one replica grants are spent through another, once.
func (f *fleet) granted(t *testing.T) {
	t.Helper()
	f.undisturbed(func() string {
		id, secret := f.bounded(total(5))
		if _, lacking := f.spend(secret, 0, 5, 5); lacking != "" {
			return lacking
		}
		if v := f.check(2, secret); v.Allowed || v.Reason != "QUOTA_EXCEEDED" {
			t.Errorf("after all is spent: %s", v.Reason)
		}
		began := time.Now()
		f.replicas[0].call("POST", "/v1/keys/"+id+":grantCredits", f.root, object{"quota": "q", "credits": 10, "note": "invoice 4711"})
		eventually(t, 6*time.Second, "credits are there on another replica", func() bool { return f.check(2, secret).Allowed })
		t.Logf("credits are in force elsewhere after %s", time.Since(began))
		_, lacking := f.spend(secret, 6, 15, 15)
		return lacking
	})
}

// spend spends what is left of a quota through every replica, and reports when that is
// more than the limit. What is less than least is lacking; some of it may have to come
// back first from replicas that hold it.
func (f *fleet) spend(secret string, spent, least, limit int) (all int, lacking string) {
	f.t.Helper()
	times := slices.Repeat([]int{2 * callers}, len(f.replicas))
	got := tally{allowed: 1}
	for deadline := time.Now().Add(15 * time.Second); (got.allowed > 0 || spent < least) && time.Now().Before(deadline); {
		if got = f.load(secret, times...); got.allowed == 0 {
			time.Sleep(50 * time.Millisecond)
		}
		spent += got.allowed
	}
	if spent > limit || spent == limit && !got.only("QUOTA_EXCEEDED") {
		f.t.Errorf("of a quota of %d are spent %d, refused %v", limit, spent, got.refused)
	}
	if spent < least {
		lacking = fmt.Sprintf("of a quota of %d are spent %d, at least %d were to be, refused %v", limit, spent, least, got.refused)
	}
	return spent, lacking
}

// changed: numbers of a limit are in force everywhere once that is confirmed.
func (f *fleet) changed(t *testing.T) {
	t.Helper()
	id, secret := f.bounded(hourly(1000))
	for round := range 5 {
		f.load(secret, 5, 5, 5)
		for _, requests := range []int{50 + round, 1000 + round} {
			answer := f.replicas[round%3].call("PATCH", "/v1/keys/"+id, f.root, object{"key": hourly(requests), "updateMask": "rateLimits"})
			if state, pending := propagation(t, answer); state != "CONFIRMED" {
				t.Fatalf("a changed limit is %s, waiting for %v", state, pending)
			}
			for replica := range f.replicas {
				if v := f.check(replica, secret); v.Limit.Limit != int64(requests) || v.Limit.Name != "m" {
					t.Errorf("replica %d counts by %d and not %d", replica, v.Limit.Limit, requests)
				}
			}
		}
	}
	f.replicas[1].call("PATCH", "/v1/keys/"+id, f.root, object{"key": hourly(5), "updateMask": "rateLimits"})
	if got := f.load(secret, 20, 20, 20); got.allowed > 5 || !got.only("RATE_LIMITED") {
		t.Errorf("of 1000 made 5 an hour, %v are allowed, refused %v", got.each, got.refused)
	}
}

// fleet is several replicas on one database.
type fleet struct {
	t        *testing.T
	replicas []*server
	root     string
	client   *http.Client
	// unheard is how many round trips of replicas that have ended got no answer.
	unheard int
}

// noticed is the time in which replicas notice another one, and a little more.
const noticed = 2500 * time.Millisecond

// callers is how many ask one replica at once.
const callers = 4

// newFleet starts a replica for each list of arguments, and returns once each knows
// of all.
func newFleet(t *testing.T, database string, each ...[]string) *fleet {
	t.Helper()
	f := &fleet{t: t, client: &http.Client{
		Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: callers},
	}}
	t.Cleanup(f.client.CloseIdleConnections)
	for _, args := range each {
		f.replicas = append(f.replicas, serve(t, append([]string{"--database-url", database}, args...)...))
	}
	f.root = f.replicas[0].root()
	f.replicas[0].acme(f.root)
	time.Sleep(noticed)
	return f
}

// alike repeats the arguments of a replica.
func alike(n int, args ...string) [][]string { return slices.Repeat([][]string{args}, n) }

// bounded makes a key that has limits.
func (f *fleet) bounded(limits object) (id, secret string) {
	f.t.Helper()
	key := object{"tenantId": "acme", "userId": "ada"}
	for field, list := range limits {
		key[field] = list
	}
	out := f.replicas[0].call("POST", "/v1/keys", f.root, object{"key": key})
	id, _ = out["key"].(object)["id"].(string)
	secret, _ = out["secret"].(string)
	return id, secret
}

// hourly is one rate limit of so many requests an hour: in a test's time next to
// nothing of it comes back.
func hourly(requests int) object {
	return object{"rateLimits": []object{{"name": "m", "requests": requests, "period": "3600s"}}}
}

// total is one quota that never begins anew.
func total(limit int) object {
	return object{"quotas": []object{{"name": "q", "limit": limit, "period": "TOTAL"}}}
}

// verdict is what the tests read of a check's answer.
type verdict struct {
	Allowed bool
	Reason  string
	Limit   struct {
		Name             string
		Limit, Remaining int64 `json:",string"`
		Degraded         bool
	}
	status int
	took   time.Duration
}

func (f *fleet) check(replica int, secret string) (v verdict) {
	began := time.Now()
	resp, err := f.client.Post("http://"+f.replicas[replica].web+"/v1/keys:check", "application/json", strings.NewReader(`{"key":"`+secret+`"}`))
	if err != nil {
		return verdict{Reason: err.Error()}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		return verdict{Reason: err.Error()}
	}
	v.status, v.took = resp.StatusCode, time.Since(began)
	return v
}

// tally is what came of checks.
type tally struct {
	// alone is how many were allowed of those that are degraded.
	allowed, degraded, alone int
	// refused counts refusals by their reasons, and checks without an answer by theirs.
	refused map[string]int
	// each is how many each replica has allowed.
	each []int
	took []time.Duration
}

// load asks each replica as often as is said, all of them at once.
func (f *fleet) load(secret string, times ...int) tally {
	out := tally{refused: map[string]int{}, each: make([]int, len(times))}
	var mu sync.Mutex
	var asking sync.WaitGroup
	for replica, most := range times {
		var asked atomic.Int64
		for range callers {
			asking.Go(func() {
				for asked.Add(1) <= int64(most) {
					v := f.check(replica, secret)
					mu.Lock()
					out.add(replica, v)
					mu.Unlock()
				}
			})
		}
	}
	asking.Wait()
	return out
}

func (t *tally) add(replica int, v verdict) {
	if v.Allowed {
		t.allowed++
		t.each[replica]++
		if v.Limit.Degraded {
			t.alone++
		}
	} else {
		t.refused[v.Reason]++
	}
	if v.Limit.Degraded {
		t.degraded++
	}
	t.took = append(t.took, v.took)
}

// only tells whether nothing was refused but for one reason.
func (t *tally) only(reason string) bool {
	return len(t.refused) == 0 || len(t.refused) == 1 && t.refused[reason] > 0
}

// slowest is the time that one in a hundred took longer than.
func (t *tally) slowest() time.Duration {
	slices.Sort(t.took)
	return t.took[len(t.took)*99/100]
}

// unanswered counts the round trips for limits that got no answer in their time.
func (f *fleet) unanswered() int {
	f.t.Helper()
	n := f.unheard
	for _, s := range f.replicas {
		n += s.unanswered()
	}
	return n
}

func (s *server) unanswered() (n int) {
	s.t.Helper()
	_, raw := s.get("http://" + s.ops + "/metrics")
	for line := range strings.SplitSeq(raw, "\n") {
		if rest, ok := strings.CutPrefix(line, "keystile_limits_trips_failed_total{"); ok {
			_, value, _ := strings.Cut(rest, "} ")
			count, err := strconv.Atoi(value)
			if err != nil {
				s.t.Fatalf("%s: %v", line, err)
			}
			n += count
		}
	}
	return n
}

// undisturbed measures. What is taken without an answer is lost by design, so where a
// machine was too slow for a round trip what is lacking says nothing, and it is
// measured again. What is too much the measurement reports by itself, every time.
func (f *fleet) undisturbed(measure func() (lacking string)) {
	f.t.Helper()
	for range 4 {
		before := f.unanswered()
		lacking := measure()
		if lacking == "" {
			return
		}
		if lost := f.unanswered() - before; lost <= 0 {
			f.t.Error(lacking)
			return
		}
		f.t.Logf("measured again, as round trips got no answer: %s", lacking)
	}
	f.t.Error("the machine is too slow: again and again round trips got no answer in their time")
}
