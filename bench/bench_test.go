package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

// TestMain lets the test's own binary stand in for the servers that the harness
// starts.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "serve":
		must(serveFake(os.Args[2:]))
	case len(os.Args) > 6 && os.Args[1] == "-bare":
		must(serveBare(context.Background(), os.Args[2], os.Args[4], os.Args[6]))
	default:
		os.Exit(m.Run())
	}
}

func must(err error) {
	if err != nil {
		_, _ = io.WriteString(os.Stderr, err.Error()+"\n")
		os.Exit(1)
	}
}

func TestCompare(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := plan{keystile: self, pairs: pairs(), rounds: 2, asJSON: true, load: loadPlan{
		warmup: 20 * time.Millisecond, measure: 200 * time.Millisecond, inFlight: 8, connections: 2,
	}}
	var out bytes.Buffer
	if err := compare(t.Context(), p, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var found map[string]*report
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		t.Fatal(err)
	}
	for name, connections := range map[string]int{"checkkey": 2, "checkkeys": 2, "extauthz": 2, "authrequest": 8} {
		r := found[name]
		if r == nil {
			t.Errorf("%s is missing: %s", name, out.String())
			continue
		}
		if len(r.BareRounds) != 2 || len(r.KeystileRounds) != 2 || r.Connections != connections {
			t.Errorf("%s: rounds or connections are missing: %+v", name, r)
		}
		if r.Bare.Calls == 0 || r.Keystile.Calls == 0 || r.Ratio.Throughput <= 0 || r.Bare.P99Micros <= 0 || r.Ratio.P99 <= 0 {
			t.Errorf("%s: figures are missing: %+v", name, r)
		}
		if r.RequestBytes == 0 || r.ResponseBytes == 0 {
			t.Errorf("%s: sizes are missing: %+v", name, r)
		}
		var table bytes.Buffer
		if err := r.print(&table); err != nil || !strings.Contains(table.String(), "server CPU per call") {
			t.Errorf("%s, the table: %v\n%s", name, err, table.String())
		}
	}
}

// A refusal is cheaper than a check, and an error cheaper still, so a load that
// meets one must not count.
func TestLoadFailsOnARefusal(t *testing.T) {
	k := startFake(t)
	for _, p := range pairs() {
		e, err := p.ask(t.Context(), p.door(k), fakeSecret)
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		failed := "the fake failed"
		if p.name == "authrequest" {
			failed = "503 Service Unavailable"
		}
		for secret, want := range map[string]string{"ks_others": "refused", failSecret: failed} {
			asked := exchange{request: bytes.ReplaceAll(e.request, []byte(fakeSecret), []byte(secret)), answer: e.answer}
			s := side{name: "fake", address: p.door(k), pid: os.Getpid()}
			short := loadPlan{measure: 100 * time.Millisecond, inFlight: 4, connections: 1}
			_, err := load(t.Context(), s, asked, p.client, short)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: got %v, want an error with %q", p.name, secret, err, want)
			}
		}
	}
}

// turning is a client whose lines let some calls through and refuse the next.
type turning struct{ line *turningLine }

func (turning) connections(loadPlan) int { return 1 }

func (c turning) open(context.Context, string, exchange, loadPlan) ([]line, func(), error) {
	return []line{c.line}, func() {}, nil
}

type turningLine struct{ left int }

func (l *turningLine) call(context.Context) error {
	l.left--
	return nil
}

func (l *turningLine) judge(bool) error {
	if l.left < 0 {
		return errors.New("refused")
	}
	return nil
}

// A key that expires in the middle of it spoils a load as well.
func TestLoadFailsOnALateRefusal(t *testing.T) {
	s := side{name: "turning", pid: os.Getpid()}
	_, err := load(t.Context(), s, exchange{}, turning{&turningLine{left: 1000}}, loadPlan{measure: 2 * time.Second})
	if err == nil || err.Error() != "refused" {
		t.Errorf("got %v, want a refusal", err)
	}
}

// Nor may a comparison begin with one.
func TestAskFailsOnARefusal(t *testing.T) {
	k := startFake(t)
	for _, p := range pairs() {
		if _, err := p.ask(t.Context(), p.door(k), "ks_others"); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: got %v, want a refusal", p.name, err)
		}
	}
}

// One refusal among many calls is enough, whatever call it is, as each has a size
// or a status that tells.
func TestALineSeesOneRefusal(t *testing.T) {
	k := startFake(t)
	for _, p := range pairs() {
		e, err := p.ask(t.Context(), p.door(k), fakeSecret)
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		e.request = bytes.ReplaceAll(e.request, []byte(fakeSecret), []byte("ks_others"))
		lines, closeAll, err := p.client.open(t.Context(), p.door(k), e, loadPlan{inFlight: 1, connections: 1})
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		if err := lines[0].call(t.Context()); err != nil {
			t.Errorf("%s: a refusal is an answer, got %v", p.name, err)
		}
		if err := lines[0].judge(false); err == nil {
			t.Errorf("%s: a refusal passed at a glance", p.name)
		}
		closeAll()
	}
}

// Envoy lets through on an empty answer, which nothing was decided for.
func TestExtAuthzAllows(t *testing.T) {
	leave := &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}}
	denied := &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{}}
	for name, c := range map[string]struct {
		answer *authv3.CheckResponse
		allows bool
	}{
		"a leave":           {&authv3.CheckResponse{Status: &rpcstatus.Status{}, HttpResponse: leave}, true},
		"empty":             {&authv3.CheckResponse{}, false},
		"a status of 0":     {&authv3.CheckResponse{Status: &rpcstatus.Status{}}, false},
		"status 7":          {&authv3.CheckResponse{Status: &rpcstatus.Status{Code: 7}, HttpResponse: leave}, false},
		"denied":            {&authv3.CheckResponse{Status: &rpcstatus.Status{Code: 7}, HttpResponse: denied}, false},
		"denied, without 7": {&authv3.CheckResponse{HttpResponse: denied}, false},
	} {
		encoded, err := proto.Marshal(c.answer)
		if err != nil {
			t.Fatal(err)
		}
		if err := extAuthzAllows(encoded); (err == nil) != c.allows {
			t.Errorf("%s: got %v, want allowed %v", name, err, c.allows)
		}
	}
	if extAuthzAllows([]byte{0xff}) == nil || checkKeyAllows([]byte{0xff}) == nil || checkKeyAllows(nil) == nil {
		t.Error("what is no leave passed for one")
	}
}

// A server that hangs ends a load, over HTTP too, where no context is looked at.
func TestTheEndOfTheContextEndsACall(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	for _, p := range pairs() {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		lines, closeAll, err := p.client.open(ctx, listener.Addr().String(), exchange{request: []byte("x")}, loadPlan{inFlight: 1, connections: 1})
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		if err := lines[0].call(ctx); err == nil {
			t.Errorf("%s: a call that nobody answers has ended well", p.name)
		}
		closeAll()
		cancel()
	}
}

func TestReadAnswer(t *testing.T) {
	for _, c := range []struct {
		answer, refusal string
		failed          bool
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", false},
		{"HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: 3\r\n\r\nabc", "", false},
		{"HTTP/1.1 403 Forbidden\r\nX-A: b\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 403 Forbidden\r\nX-A: b\r\nContent-Length: 2\r\n", false},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n", false},
		{"HTTP/1.1 200 OK\r\n\r\n", "", true},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "", true},
		{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "", true},
		{"HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n", "", true},
		{"HTTP/1.1 200 OK\r\nContent-Len", "", true},
		{"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "", true},
		{"", "", true},
	} {
		r := bufio.NewReader(strings.NewReader(c.answer))
		refusal, err := readAnswer(r)
		if string(refusal) != c.refusal || (err != nil) != c.failed {
			t.Errorf("%q: got %q, %v, want %q, failed %v", c.answer, refusal, err, c.refusal, c.failed)
		}
		if err == nil && r.Buffered() != 0 {
			t.Errorf("%q: %d bytes were left for the next answer", c.answer, r.Buffered())
		}
	}
}

func TestPairsNamed(t *testing.T) {
	chosen, err := pairsNamed("authrequest,checkkey")
	if err != nil || len(chosen) != 2 || chosen[0].name != "authrequest" || chosen[1].name != "checkkey" {
		t.Errorf("got %v, %v", chosen, err)
	}
	if all, err := pairsNamed(allPairs()); err != nil || len(all) != 4 {
		t.Errorf("the default: got %d pairs, %v", len(all), err)
	}
	for _, bad := range []string{"", "checkkey,", "checkkey,checkkey", "grpc"} {
		if _, err := pairsNamed(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestParseCPUTime(t *testing.T) {
	got, err := parseCPUTime("42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 7 0 1 2")
	if err != nil || got != 1750*time.Millisecond {
		t.Errorf("got %v, %v, want 1.75 s", got, err)
	}
	for _, bad := range []string{"", "42 (a) S 1 2", "42 (a) S 1 2 3 4 5 6 7 8 9 10 x y"} {
		if _, err := parseCPUTime(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{3, 1, 2}, 2},
		{[]float64{4, 1, 2, 3}, 2.5},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v: got %v, want %v", c.values, got, c.want)
		}
	}
}
