package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// httpClient writes one request over and over on kept HTTP/1.1 connections, and
// reads of the answers what it must: net/http's client costs more than the servers
// that it would measure.
type httpClient struct{}

// connections: without pipelining, which no gateway does, each call in flight has
// a connection of its own.
func (httpClient) connections(p loadPlan) int { return p.inFlight }

func (httpClient) open(ctx context.Context, address string, e exchange, p loadPlan) ([]line, func(), error) {
	var connections []net.Conn
	closeAll := func() {
		for _, c := range connections {
			_ = c.Close()
		}
	}
	var dialer net.Dialer
	var lines []line
	for range p.inFlight {
		connection, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		connections = append(connections, connection)
		lines = append(lines, &httpLine{connection: connection, reader: bufio.NewReader(connection), request: e.request})
	}
	stop := context.AfterFunc(ctx, closeAll)
	return lines, func() { stop(); closeAll() }, nil
}

// httpLine makes one call after another on a connection of its own.
type httpLine struct {
	connection net.Conn
	reader     *bufio.Reader
	request    []byte
	// refusal is the head of the last answer, when its status is not 200.
	refusal []byte
}

func (l *httpLine) call(context.Context) (err error) {
	if _, err := l.connection.Write(l.request); err != nil {
		return err
	}
	l.refusal, err = readAnswer(l.reader)
	return err
}

func (l *httpLine) judge(bool) error {
	if l.refusal != nil {
		return fmt.Errorf("refused: %s", l.refusal)
	}
	return nil
}

var errHead = errors.New("not the head of an HTTP/1.1 answer")

// readAnswer reads one answer and drops its body. It gives the head of one whose
// status is not 200.
func readAnswer(r *bufio.Reader) (refusal []byte, err error) {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 ")) {
		return nil, fmt.Errorf("%w: %q", errHead, status)
	}
	allowed := bytes.HasPrefix(status, []byte("HTTP/1.1 200 "))
	if !allowed {
		refusal = bytes.Clone(status)
	}
	length := -1
	for {
		field, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimRight(field, "\r\n")) == 0 {
			break
		}
		if !allowed {
			refusal = append(refusal, field...)
		}
		name, value, ok := bytes.Cut(field, []byte(":"))
		if !ok {
			return nil, fmt.Errorf("%w: %q", errHead, field)
		}
		if strings.EqualFold(string(name), "Content-Length") {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, fmt.Errorf("%w: %w", errHead, err)
			}
		}
	}
	if length < 0 {
		return nil, fmt.Errorf("%w: it does not say how long its body is", errHead)
	}
	_, err = r.Discard(length)
	return refusal, err
}
