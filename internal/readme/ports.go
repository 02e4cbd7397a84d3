package main

import (
	"context"
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
	var config net.ListenConfig
	for _, l := range listeners() {
		free, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
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
