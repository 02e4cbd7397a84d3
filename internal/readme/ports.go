package main

import (
	"context"
	"math/rand/v2"
	"net"
	"regexp"
	"strconv"
)

// listener is one of the server's addresses, as documents name it.
type listener struct {
	port    string // the default, as the documents show it
	setting string // the environment variable that moves it
}

func listeners() []listener {
	return []listener{
		{"9090", "KEYSTILE_GRPC_LISTEN"},
		{"8080", "KEYSTILE_HTTP_LISTEN"},
		{"9091", "KEYSTILE_OPS_LISTEN"},
	}
}

// ports moves a document to free ports, so that it runs beside anything.
type ports struct {
	replace map[string]string // default port to free port
	env     []string
}

// defaultPort finds the default ports as whole numbers.
var defaultPort = regexp.MustCompile(`\b(9090|8080|9091)\b`)

func freePorts(ctx context.Context) (ports, error) {
	p := ports{replace: map[string]string{}}
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	for _, l := range listeners() {
		free, err := listenAside(ctx)
		if err != nil {
			return ports{}, err
		}
		// All are held until all are known: two must not be the same.
		held = append(held, free)
		address, ok := free.Addr().(*net.TCPAddr)
		if !ok {
			return ports{}, net.InvalidAddrError(free.Addr().String())
		}
		port := strconv.Itoa(address.Port)
		p.replace[l.port] = port
		p.env = append(p.env, l.setting+"=127.0.0.1:"+port)
	}
	// The client commands ask where the server listens.
	p.env = append(p.env, "KEYSTILE_SERVER=127.0.0.1:"+p.replace["9090"])
	return p, nil
}

// move rewrites the default ports in a text.
func (p ports) move(text string) string {
	return defaultPort.ReplaceAllStringFunc(text, func(port string) string { return p.replace[port] })
}

// listenAside finds a port below those that the system gives to clients: the
// server takes it only after its build, and nobody must have it by then.
func listenAside(ctx context.Context) (net.Listener, error) {
	const lowest, count, tries = 20000, 10000, 100
	var config net.ListenConfig
	var err error
	for range tries {
		var l net.Listener
		port := lowest + rand.IntN(count) //nolint:gosec // any free one will do
		if l, err = config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return nil, err
}
