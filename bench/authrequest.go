package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// authRequest compares the door of nginx's auth_request, asked about a request
// that matches a route.
func authRequest() pair {
	return pair{
		name: "authrequest", title: "nginx auth_request over HTTP/1.1", rival: "bare net/http",
		door:   func(k *keystile) string { return k.http },
		ask:    askAuthRequest,
		client: httpClient{},
		serve:  serveBareHTTP,
	}
}

// nginxRequest is what nginx asks by the configuration in deploy/nginx: it passes
// the client's headers on, and tells of the request in more of them.
func nginxRequest(secret string) []byte {
	var out bytes.Buffer
	out.WriteString("GET /auth-request HTTP/1.1\r\n")
	headers := append([]header{
		{"Host", callHost},
		{"X-Original-Method", callMethod},
		{"X-Original-URI", callPath},
		{"X-Forwarded-For", clientAddress},
	}, clientHeaders(secret)...)
	for _, h := range headers {
		fmt.Fprintf(&out, "%s: %s\r\n", h.name, h.value)
	}
	out.WriteString("\r\n")
	return out.Bytes()
}

func askAuthRequest(ctx context.Context, address, secret string) (e exchange, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return exchange{}, err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	deadline, _ := ctx.Deadline()
	if err := connection.SetDeadline(deadline); err != nil {
		return exchange{}, err
	}
	request := nginxRequest(secret)
	if _, err := connection.Write(request); err != nil {
		return exchange{}, err
	}
	var answer bytes.Buffer
	status, _, err := readHTTP(io.TeeReader(connection, &answer))
	if err != nil {
		return exchange{}, err
	}
	if status != http.StatusOK {
		return exchange{}, fmt.Errorf("refused: %s", answer.Bytes())
	}
	return exchange{request: request, answer: answer.Bytes()}, nil
}

// readHTTP reads an answer whole.
func readHTTP(from io.Reader) (status int, header http.Header, err error) {
	response, err := http.ReadResponse(bufio.NewReader(from), nil)
	if err != nil {
		return 0, nil, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Header, errors.Join(err, response.Body.Close())
}

// serveBareHTTP runs a server as net/http makes it until ctx ends. It gives the
// answer's headers to whatever is asked; the date is net/http's own.
func serveBareHTTP(ctx context.Context, listener net.Listener, answer []byte) error {
	status, header, err := readHTTP(bytes.NewReader(answer))
	if err != nil {
		return fmt.Errorf("the answer to give: %w", err)
	}
	header.Del("Date")
	server := &http.Server{ //nolint:gosec // bare is without timeouts, which cost something; it serves the harness alone
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			for name, values := range header {
				h[name] = values
			}
			w.WriteHeader(status)
		}),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// askTimeout bounds what is asked before the loads.
const askTimeout = 30 * time.Second
