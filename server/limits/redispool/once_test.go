package redispool_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keystile/keystile/server/limits"
)

// hangsUp is a Redis that hangs up on who runs a script, as one does that crashes
// having run it.
type hangsUp struct {
	listener net.Listener
	ran      atomic.Int64
	group    sync.WaitGroup
}

func newHangsUp(t *testing.T) *hangsUp {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hangsUp{listener: listener}
	h.group.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			h.group.Go(func() { h.serve(connection) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		h.group.Wait()
	})
	return h
}

func (h *hangsUp) serve(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	for {
		words, err := readCommand(reader)
		if err != nil {
			return
		}
		host, port, _ := net.SplitHostPort(h.listener.Addr().String())
		switch strings.ToLower(words[0]) {
		case "evalsha", "eval":
			h.ran.Add(1)
			return
		case "cluster":
			_, _ = fmt.Fprintf(connection, "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$%d\r\n%s\r\n:%s\r\n$1\r\na\r\n", len(host), host, port)
		case "command":
			_, _ = io.WriteString(connection, "*0\r\n")
		case "hello":
			_, _ = io.WriteString(connection, "*2\r\n$6\r\nserver\r\n$5\r\nredis\r\n")
		default:
			_, _ = io.WriteString(connection, "+OK\r\n")
		}
	}
}

// readCommand reads an array of strings.
func readCommand(reader *bufio.Reader) ([]string, error) {
	count, err := readNumber(reader)
	if err != nil {
		return nil, err
	}
	words := make([]string, count)
	for i := range words {
		length, err := readNumber(reader)
		if err != nil {
			return nil, err
		}
		text := make([]byte, length+2)
		if _, err := io.ReadFull(reader, text); err != nil {
			return nil, err
		}
		words[i] = string(text[:length])
	}
	return words, nil
}

func readNumber(reader *bufio.Reader) (int, error) {
	line, err := reader.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

// Nobody knows whether what got no answer was run, so it is not sent again.
func TestNothingIsSentTwice(t *testing.T) {
	for _, scheme := range []string{"redis://", "redis+cluster://"} {
		h := newHangsUp(t)
		p := open(t, scheme+h.listener.Addr().String(), patient())
		for calls := int64(1); calls <= 3; calls++ {
			if _, err := p.Take(t.Context(), []limits.Ask{ask(1, 1, 1)}); err == nil {
				t.Errorf("%s: got no error", scheme)
			}
			if ran := h.ran.Load(); ran != calls {
				t.Errorf("%s: %d calls were sent %d times", scheme, calls, ran)
			}
		}
		if err := p.Return(t.Context(), []limits.Back{{Key: limits.Key{1}, Rate: slow(10), Tokens: 1}}); err == nil {
			t.Errorf("%s: Return: got no error", scheme)
		}
		if ran := h.ran.Load(); ran != 4 {
			t.Errorf("%s: Return was sent %d times", scheme, ran-3)
		}
	}
}
