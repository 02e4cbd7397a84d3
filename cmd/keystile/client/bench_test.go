package client_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

const (
	revokedSecret = "ks_revokedsecret0000000000000000000000000"
	// quotedSecret is not of our making, but may be asked about.
	quotedSecret = `it's-"quoted"\and-<odd>&{[%d]}`
)

// measured is a part of what bench prints as JSON.
type measured struct {
	Loop             string
	RatePerSecond    float64
	InFlight         int
	Connections      int
	Keys             int
	MeasuredSeconds  float64
	Interrupted      bool
	Answered         int64
	AnswersPerSecond float64
	Failed, Dropped  int64
	LatencyMillis    struct{ Mean, P50, P90, P99, P999, Max float64 }
	LateStartMillis  struct{ P50, P99, Max float64 }
	Verdicts, Errors map[string]int64
}

// benched runs bench and reads what it prints.
func benched(t *testing.T, d *door, args ...string) (measured, result) {
	t.Helper()
	r := d.run(t, append([]string{"bench", "-o", "json"}, args...)...)
	var m measured
	if r.out != "" {
		if err := json.Unmarshal([]byte(r.out), &m); err != nil {
			t.Fatalf("%v in %s", err, r.out)
		}
	}
	for _, secret := range []string{goodSecret, revokedSecret, quotedSecret, adminKey} {
		wantWithout(t, "what bench prints", r.out+r.err, secret)
	}
	return m, r
}

func byKey(in *pb.CheckKeyRequest) (*pb.CheckKeyResponse, error) {
	switch in.GetKey() {
	case goodSecret:
		return allowed(), nil
	case revokedSecret:
		return &pb.CheckKeyResponse{Reason: pb.Verdict_KEY_REVOKED}, nil
	}
	return nil, unavailable()
}

func TestBenchCountsWhatTheServerAnswers(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.answer = byKey
		keys := kept(t, "keys.txt", goodSecret+"\r\n\n"+revokedSecret+"\n"+quotedSecret)
		m, r := benched(t, d, "--keys", keys, "--in-flight", "4", "--duration", "300ms", "--warmup", "100ms")
		r.wantCode(t, 0)
		if m.Loop != "closed" || m.Keys != 3 || m.InFlight != 4 || m.MeasuredSeconds != 0.3 || m.Interrupted || m.Dropped != 0 {
			t.Errorf("got %s", r.out)
		}
		if m.Answered != m.Verdicts["ALLOWED"]+m.Verdicts["KEY_REVOKED"] || m.Failed != m.Errors["UNAVAILABLE"] || len(m.Verdicts) != 2 || len(m.Errors) != 1 {
			t.Errorf("got %s", r.out)
		}
		for _, n := range []int64{m.Verdicts["ALLOWED"], m.Verdicts["KEY_REVOKED"], m.Failed} {
			if n < (m.Answered+m.Failed)/6 || n == 0 {
				t.Errorf("keys are to be asked about equally often: %s", r.out)
			}
		}
		if m.AnswersPerSecond < 1 || m.LatencyMillis.P50 <= 0 || m.LatencyMillis.Max < m.LatencyMillis.P999 {
			t.Errorf("got %s", r.out)
		}
		wantPart(t, "stderr", r.err, fmt.Sprintf("%d calls failed", m.Failed))
	})
}

// Every flag of the question arrives, with each of the keys, in the caller's name.
func TestBenchAsksWhatTheFlagsSay(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.check = allowed()
		for _, secret := range []string{goodSecret, quotedSecret} {
			for _, c := range []struct {
				line string
				want *pb.CheckKeyRequest
			}{
				{"", &pb.CheckKeyRequest{}},
				{"--cost 0 --permission orders.read --client-ip 203.0.113.7 --key-tenant acme", &pb.CheckKeyRequest{
					Cost: proto.Int32(0), Permission: "orders.read", ClientIp: "203.0.113.7", KeyTenant: "acme",
				}},
				{"--method POST --host api.acme.test --path /orders/7 --tenant acme --api acme/orders", &pb.CheckKeyRequest{
					Request: &pb.HTTPRequest{Method: "POST", Host: "api.acme.test", Path: "/orders/7"}, Tenant: "acme", ApiId: "orders", ApiTenantId: "acme",
				}},
			} {
				d.fake.asked, d.fake.who = nil, nil
				c.want.Key = secret
				args := append(strings.Fields(c.line), "--keys", kept(t, "keys.txt", secret), "--in-flight", "2", "--duration", "50ms", "--warmup", "0s")
				m, r := benched(t, d, args...)
				r.wantCode(t, 0)
				if len(d.fake.asked) < 2 || m.Failed > 0 {
					t.Errorf("%s: asked %d times: %s", c.line, len(d.fake.asked), r.out)
				}
				for i, got := range d.fake.asked {
					if !proto.Equal(got, c.want) || d.fake.who[i] != "Bearer "+adminKey {
						t.Fatalf("%s: asked %v as %s, want %v", c.line, got, d.fake.who[i], c.want)
					}
				}
			}
		}
	})
}

// A server that stalls once keeps calls from being made. In an open loop they
// show: here they are a quarter of all, though only 4 were in flight.
func TestBenchShowsAStall(t *testing.T) {
	const stall = 500
	d := overGRPC(t)
	var begin, since atomic.Int64
	d.fake.answer = func(*pb.CheckKeyRequest) (*pb.CheckKeyResponse, error) {
		// Nobody is answered in the half second that begins a second after the
		// first call.
		begin.CompareAndSwap(0, time.Now().UnixMilli())
		if at := time.Now().UnixMilli() - begin.Load() - 1000; at >= 0 && at < stall {
			since.Add(1)
			time.Sleep(time.Duration(stall-at) * time.Millisecond)
		}
		return allowed(), nil
	}
	keys := kept(t, "keys.txt", goodSecret)
	m, r := benched(t, d, "--keys", keys, "--rate", "500", "--in-flight", "4", "--duration", "2s", "--warmup", "0s")
	r.wantCode(t, 0)
	if m.Loop != "open" || m.RatePerSecond != 500 || m.Answered != 1000 || m.Dropped != 0 {
		t.Errorf("got %s", r.out)
	}
	if n := since.Load(); n > 8 {
		t.Errorf("%d calls met the stall: this test is about those that were not made", n)
	}
	if m.LatencyMillis.P99 < 400 || m.LatencyMillis.Max < stall-20 || m.LatencyMillis.P90 < 200 {
		t.Errorf("a stall of %d ms is hidden: %s", stall, r.out)
	}
	if m.LateStartMillis.P99 < 400 {
		t.Errorf("that calls began late is hidden: %s", r.out)
	}
}

func TestBenchCountsWhatItDropped(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.check, d.fake.delay = allowed(), 50*time.Millisecond
		args := []string{"--keys", kept(t, "keys.txt", goodSecret), "--rate", "100", "--in-flight", "1", "--duration", "1s", "--warmup", "0s", "--timeout", "200ms"}
		m, r := benched(t, d, args...)
		r.wantCode(t, 0)
		if m.Answered+m.Failed+m.Dropped != 100 || m.Dropped < 70 {
			t.Errorf("got %s", r.out)
		}
		wantPart(t, "stderr", r.err, fmt.Sprintf("%d calls were dropped", m.Dropped))
	})
}

func TestBenchForPeople(t *testing.T) {
	d := overGRPC(t)
	d.fake.answer = byKey
	keys := kept(t, "keys.txt", goodSecret+"\n"+revokedSecret+"\n")
	short := []string{"--keys", keys, "--duration", "200ms", "--warmup", "0s"}
	r := d.run(t, append([]string{"bench", "--in-flight", "8", "--connections", "2", "--zipf", "3"}, short...)...)
	r.wantCode(t, 0)
	wantMatch(t, "stdout", r.out, `^Server:    127.0.0.1:\d+
Load:      closed loop, 8 in flight on 2 connections
Keys:      2, by Zipf's law with the exponent 3
Measured:  200ms after 0s of warm-up
Answers:   \d+, [\d.]+ a second
Failed:    0

MILLISECONDS  MEAN +P50 +P90 +P99 +P99.9 +MAX
latency +(\d+\.\d{3} *){6}

VERDICT +CALLS +SHARE
ALLOWED +\d+ +\d\d\.\d\d%
KEY_REVOKED +\d+ +\d+\.\d\d%
$`)
	wantPart(t, "stderr", r.err, "Ctrl-C ends it early")

	r = d.run(t, append([]string{"bench", "--rate", "100.5"}, short...)...)
	wantMatch(t, "stdout", r.out, `(?s)Load: +open loop of 100.5 calls a second, at most 64 in flight on 1 connection\nKeys: +2, each as likely as any other\n.*Dropped: +0\n.*of it, late start  \d`)

	over := overREST(t)
	over.fake.answer = byKey
	r = over.run(t, append([]string{"bench", "--in-flight", "2"}, short...)...)
	wantPart(t, "stdout", r.out, "2 in flight on a connection each\n")
}

// Ctrl-C ends it, and what was measured is printed.
func TestBenchIsInterrupted(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		var calls atomic.Int64
		d.fake.answer = func(*pb.CheckKeyRequest) (*pb.CheckKeyResponse, error) {
			// The first call is the one that goes before the load: there is nobody yet
			// who waits for a signal.
			if calls.Add(1) == 20 {
				if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(5 * time.Millisecond)
			return allowed(), nil
		}
		for _, args := range [][]string{{"--warmup", "0s"}, {"--warmup", "0s", "--rate", "200"}, {"--warmup", "1m"}} {
			calls.Store(0)
			m, r := benched(t, d, append(args, "--keys", kept(t, "keys.txt", goodSecret), "--in-flight", "2", "--duration", "1m")...)
			if args[1] == "1m" {
				r.wantCode(t, 1)
				wantPart(t, "stderr", r.err, "ended before anything was measured")
				continue
			}
			r.wantCode(t, 0)
			if !m.Interrupted || m.Answered < 5 || m.Failed != 0 || m.MeasuredSeconds <= 0 || m.MeasuredSeconds > 30 {
				t.Errorf("%v: got %s", args, r.out)
			}
		}
	})
}

// What no call would get past is told at once, and the load is not put on.
func TestBenchBeginsOnlyWhereItIsAnswered(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		keys := kept(t, "keys.txt", goodSecret)
		for _, c := range []struct {
			err  error
			exit int
		}{
			{ourError(codes.Unauthenticated, "KEY_MISSING"), 5},
			{unavailable(), 7},
			{status.Error(codes.InvalidArgument, "no such thing as "+goodSecret), 2},
		} {
			d.fake.err, d.fake.asked = c.err, nil
			_, r := benched(t, d, "--keys", keys)
			r.wantCode(t, c.exit)
			if len(d.fake.asked) != 1 {
				t.Errorf("asked %d times after %v", len(d.fake.asked), c.err)
			}
		}
		// All that comes after the first call fails.
		d.fake.err = nil
		var calls atomic.Int64
		d.fake.answer = func(*pb.CheckKeyRequest) (*pb.CheckKeyResponse, error) {
			if calls.Add(1) == 1 {
				return allowed(), nil
			}
			return nil, unavailable()
		}
		m, r := benched(t, d, "--keys", keys, "--duration", "100ms", "--warmup", "0s", "--in-flight", "2")
		r.wantCode(t, 7)
		if m.Answered != 0 || m.Failed == 0 || m.Failed != m.Errors["UNAVAILABLE"] {
			t.Errorf("got %s", r.out)
		}
	})
	d := &door{server: "127.0.0.1:1"}
	_, r := benched(t, d, "--keys", kept(t, "keys.txt", goodSecret))
	r.wantCode(t, 7)
	wantPart(t, "stderr", r.err, "Is a server running at 127.0.0.1:1?")
}

func TestBenchUsage(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		keys := kept(t, "keys.txt", goodSecret)
		for _, line := range []string{
			"", "--keys " + keys + ".none", "--keys " + kept(t, "empty.txt", "\n\r\n"), "--keys " + kept(t, "bad.txt", goodSecret+"\n"+goodSecret+" "+goodSecret), "--keys " + kept(t, "long.txt", strings.Repeat(goodSecret, 20)),
			"--keys " + keys + " " + goodSecret, "--keys " + keys + " --in-flight 0", "--keys " + keys + " --in-flight 10001", "--keys " + keys + " --in-flight 4 --connections 5",
			"--keys " + keys + " --connections=-1", "--keys " + keys + " --rate 0", "--keys " + keys + " --rate NaN", "--keys " + keys + " --rate 1e9", "--keys " + keys + " --zipf 1", "--keys " + keys + " --zipf NaN",
			"--keys " + keys + " --duration 0s", "--keys " + keys + " --warmup=-1s", "--keys " + keys + " --timeout 0s", "--keys " + keys + " --method GET", "--keys " + keys + " --api /x",
		} {
			_, r := benched(t, d, strings.Fields(line)...)
			if r.code != 2 {
				t.Errorf("bench %s: exit code %d, want 2: %s", line, r.code, r.err)
			}
		}
		if len(d.fake.asked) > 0 {
			t.Errorf("the server was asked %v", d.fake.asked)
		}
		_, r := benched(t, d, "--keys", kept(t, "bad.txt", "\n"+goodSecret+"\n"+goodSecret+" "+goodSecret))
		wantPart(t, "stderr", r.err, "line 3 can't be a key")
	})
	_, r := benched(t, overREST(t), "--keys", kept(t, "keys.txt", goodSecret), "--connections", "2")
	r.wantCode(t, 2)
}

func TestBenchReadsKeysFromStdin(t *testing.T) {
	d := overGRPC(t)
	d.fake.check, d.stdin = allowed(), goodSecret+"\n"+revokedSecret+"\n"
	m, r := benched(t, d, "--keys", "-", "--duration", "50ms", "--warmup", "0s")
	r.wantCode(t, 0)
	if m.Keys != 2 {
		t.Errorf("read %d keys, want 2", m.Keys)
	}
}
