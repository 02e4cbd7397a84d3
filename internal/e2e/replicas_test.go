package e2e

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// propagation reads where a write is in force from its answer.
func propagation(t *testing.T, answer object) (state string, pending []any) {
	t.Helper()
	p, ok := answer["propagation"].(object)
	if !ok {
		t.Fatalf("no propagation in %v", answer)
	}
	state, _ = p["state"].(string)
	pending, _ = p["replicas"].([]any)
	return state, pending
}

// A revocation that has returned is in force on the other replica, with wakes and
// without.
func TestRevocationIsInForceEverywhere(t *testing.T) {
	for _, wakes := range []string{"--notify", "--no-notify"} {
		t.Run(wakes, func(t *testing.T) {
			url := migrated(t)
			one := serve(t, "--database-url", url, wakes)
			root := one.root()
			other := serve(t, "--database-url", url, wakes)
			one.acme(root)
			var took []time.Duration
			for range 30 {
				id, secret := one.key(root)
				if got := other.reason(secret); got != "ALLOWED" {
					t.Fatalf("a key whose creation is confirmed: %s", got)
				}
				began := time.Now()
				state, _ := propagation(t, one.call("POST", "/v1/keys/"+id+":revoke", root, nil))
				took = append(took, time.Since(began))
				if got := other.reason(secret); state != "CONFIRMED" || got != "KEY_REVOKED" {
					t.Fatalf("%s, and the other replica says %s", state, got)
				}
			}
			slices.Sort(took)
			t.Logf("a revocation is confirmed in %s (median), %s (worst)", took[len(took)/2], took[len(took)-1])

			// What is done already says where it is in force, too.
			id, _ := one.key(root)
			one.call("POST", "/v1/keys/"+id+":revoke", root, nil)
			if state, _ := propagation(t, other.call("POST", "/v1/keys/"+id+":revoke", root, nil)); state != "CONFIRMED" {
				t.Errorf("repeated elsewhere: %s", state)
			}

			// One that shuts down is not waited for.
			other.signal(syscall.SIGTERM)
			other.exit()
			id, _ = one.key(root)
			if state, _ := propagation(t, one.call("POST", "/v1/keys/"+id+":revoke", root, nil)); state != "CONFIRMED" {
				t.Errorf("after the other one is gone: %s", state)
			}
		})
	}
}

// A replica that stands still is named with the time by which it has stopped, and it
// keeps to it; one that was killed is waited for no longer.
func TestPendingNamesWhoAndUntilWhen(t *testing.T) {
	url := migrated(t)
	args := []string{"--database-url", url, "--max-staleness", "3s", "--propagation-timeout", "300ms"}
	one := serve(t, args...)
	root := one.root()
	other := serve(t, args...)
	id, secret := one.acme(root)
	other.signal(syscall.SIGSTOP)
	began := time.Now()
	state, pending := propagation(t, one.call("POST", "/v1/keys/"+id+":revoke", root, nil))
	if took := time.Since(began); state != "PENDING" || len(pending) != 1 || took > 2*time.Second {
		t.Fatalf("%s after %s, pending %v", state, took, pending)
	}
	stop, err := time.Parse(time.RFC3339Nano, pending[0].(object)["stopTime"].(string))
	if err != nil || time.Until(stop) > 6*time.Second || time.Until(stop) < 0 {
		t.Fatalf("it has stopped by %s, %v", stop, err)
	}
	if !strings.Contains(other.log.String(), pending[0].(object)["id"].(string)) {
		t.Errorf("%v is not in the replica's log", pending)
	}
	time.Sleep(time.Until(stop))
	other.signal(syscall.SIGCONT)
	// Its lease is over: from the first moment on it decides nothing by what it knew.
	for range 50 {
		if got := other.reason(secret); got == "ALLOWED" {
			t.Fatal("the key is allowed after its stop time")
		}
	}
	eventually(t, 10*time.Second, "it recovers", func() bool { return other.reason(secret) == "KEY_REVOKED" })

	other.signal(syscall.SIGKILL)
	other.ended(5 * time.Second)
	eventually(t, 10*time.Second, "the killed one is not waited for any more", func() bool {
		id, _ := one.key(root)
		state, _ := propagation(t, one.call("POST", "/v1/keys/"+id+":revoke", root, nil))
		return state == "CONFIRMED"
	})
}

// Nobody waits when asked not to, and a least revision is kept.
func TestWithoutWaiting(t *testing.T) {
	s := serve(t)
	root := s.root()
	id, secret := s.acme(root)
	out := s.call("POST", "/v1/keys/"+id+":revoke", root, object{"waitForPropagation": false})
	p, _ := out["propagation"].(object)
	revision, _ := p["revision"].(string)
	check := func(least string) (int, string) {
		return fetch(http.MethodPost, "http://"+s.web+"/v1/keys:check", "", object{"key": secret, "minRevision": least})
	}
	if code, raw := check(revision); code != http.StatusOK || !strings.Contains(raw, "KEY_REVOKED") {
		t.Errorf("at the write's revision: %d %s", code, raw)
	}
	began := time.Now()
	if code, raw := check("999999999"); code != http.StatusServiceUnavailable || time.Since(began) > 5*time.Second {
		t.Errorf("at a revision that is not there: %d %s", code, raw)
	}
	if code, raw := check("soon"); code != http.StatusBadRequest || !strings.Contains(raw, "minRevision") {
		t.Errorf("at no revision: %d %s", code, raw)
	}
}

// For 30 seconds nothing of the store's answers arrives, and nobody says so.
func TestBlackHole(t *testing.T) {
	url := migrated(t)
	way := newLink(t, hostOf(t, url))
	s := serve(t, "--database-url", through(t, url, way), "--max-staleness", "5s")
	root := s.root()
	id, secret := s.acme(root)
	way.blackHole()
	began := time.Now()
	if got := s.reason(secret); got != "ALLOWED" {
		t.Errorf("a known key at once: %s", got)
	}
	var managing sync.WaitGroup
	managing.Go(func() {
		asked := time.Now()
		code, raw := fetch(http.MethodPost, "http://"+s.web+"/v1/keys/"+id+":revoke", root, nil)
		if took := time.Since(asked); code != http.StatusServiceUnavailable && code != http.StatusGatewayTimeout || took > 14*time.Second {
			t.Errorf("management: %d after %s: %s", code, took, raw)
		}
	})
	eventually(t, 10*time.Second, "nothing is decided after the bound", func() bool { return s.reason(secret) == "STORE_UNAVAILABLE" })
	if took := time.Since(began); took < 4*time.Second {
		t.Errorf("it gave up after %s", took)
	}
	managing.Wait()
	time.Sleep(time.Until(began.Add(30 * time.Second)))
	if got := s.reason(secret); got != "STORE_UNAVAILABLE" {
		t.Errorf("after 30 s: %s", got)
	}
	way.set(false)
	eventually(t, 30*time.Second, "it recovers by itself", func() bool { return s.reason(secret) != "STORE_UNAVAILABLE" })
	s.call("POST", "/v1/keys/"+id+":revoke", root, nil)
	if got := s.reason(secret); got != "KEY_REVOKED" {
		t.Errorf("after the recovery: %s", got)
	}
}

// A database URL may name several hosts: where one is gone, the next serves.
func TestFailoverToAnotherAddress(t *testing.T) {
	url := migrated(t)
	first, second := newLink(t, hostOf(t, url)), newLink(t, hostOf(t, url))
	s := serve(t, "--database-url", through(t, url, first, second), "--max-staleness", "20s")
	root := s.root()
	id, secret := s.acme(root)
	first.set(true)
	eventually(t, 15*time.Second, "writes go on at the other address", func() bool {
		code, _ := fetch(http.MethodPost, "http://"+s.web+"/v1/keys/"+id+":disable", root, nil)
		return code == http.StatusOK
	})
	if got := s.reason(secret); got != "KEY_DISABLED" {
		t.Errorf("after the failover: %s", got)
	}
	first.set(false)
	second.set(true)
	eventually(t, 15*time.Second, "and back", func() bool {
		code, _ := fetch(http.MethodPost, "http://"+s.web+"/v1/keys/"+id+":enable", root, nil)
		return code == http.StatusOK
	})
	if got := s.reason(secret); got != "ALLOWED" {
		t.Errorf("after the way back: %s", got)
	}
}

// With --on-stale=allow checks go on past the bound, and say so.
func TestOnStaleAllow(t *testing.T) {
	url := migrated(t)
	way := newLink(t, hostOf(t, url))
	s := serve(t, "--database-url", through(t, url, way), "--max-staleness", "2s", "--on-stale", "allow", "--stale-ceiling", "6s")
	_, secret := s.acme(s.root())
	way.set(true)
	stale := func() (string, bool) {
		_, raw := fetch(http.MethodPost, "http://"+s.web+"/v1/keys:check", "", object{"key": secret})
		return raw, strings.Contains(raw, `"stale":true`)
	}
	eventually(t, 10*time.Second, "a stale verdict", func() bool {
		raw, is := stale()
		return is && strings.Contains(raw, "ALLOWED")
	})
	eventually(t, 10*time.Second, "the ceiling", func() bool { return s.reason(secret) == "STORE_UNAVAILABLE" })
}
