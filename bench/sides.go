package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
)

// keystile is the real server, with a key to ask about.
type keystile struct {
	process    *server
	grpc, http string
	secret     string
}

// startKeystile starts the real server on an empty embedded store and fills it.
func startKeystile(ctx context.Context, binary string, on *stage) (*keystile, error) {
	var addresses [3]string
	for i := range addresses {
		var err error
		if addresses[i], err = freeAddress(ctx); err != nil {
			return nil, err
		}
	}
	bootstrap := filepath.Join(on.work, "bootstrap-key")
	process, err := on.start(ctx, "keystile", addresses[:2], binary, "serve",
		"--data-dir", filepath.Join(on.work, "data"),
		"--grpc-listen", addresses[0], "--http-listen", addresses[1], "--ops-listen", addresses[2],
		"--bootstrap-key-file", bootstrap)
	if err != nil {
		return nil, err
	}
	k := &keystile{process: process, grpc: addresses[0], http: addresses[1]}
	if err = k.awaitReady(ctx); err == nil {
		k.secret, err = furnish(ctx, k.grpc, bootstrap)
	}
	if err != nil {
		process.stop()
		return nil, process.failure(err)
	}
	return k, nil
}

// awaitReady waits until the server says that it serves: it listens before it has
// an administrator.
func (k *keystile) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	connection, err := grpc.NewClient(k.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	health := healthpb.NewHealthClient(connection)
	for {
		answer, err := health.Check(ctx, &healthpb.HealthCheckRequest{})
		if err == nil && answer.GetStatus() == healthpb.HealthCheckResponse_SERVING {
			return nil
		}
		select {
		case <-k.process.ended:
			return errors.New("it ended early")
		case <-ctx.Done():
			return fmt.Errorf("it does not get ready: %w", errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// startBare starts this program as the server to compare with.
func startBare(ctx context.Context, pair string, answer []byte, on *stage) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	name := "bare-" + pair
	file := filepath.Join(on.work, name+".answer")
	if err := os.WriteFile(file, answer, 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	return on.start(ctx, name, []string{address}, self, "-bare", pair, "-answer", file, "-listen", address)
}

// serveBare is what the program started by startBare does.
func serveBare(ctx context.Context, name, file, address string) error {
	p, err := pairNamed(name)
	if err != nil {
		return err
	}
	answer, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return p.serve(ctx, listener, answer)
}

// askGRPC asks once, and gives question and answer as they will be sent.
func askGRPC(ctx context.Context, address, method string, question, answer proto.Message, allows func([]byte) error) (exchange, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return exchange{}, err
	}
	defer func() { _ = connection.Close() }()
	if err := connection.Invoke(ctx, method, question, answer, grpc.WaitForReady(true)); err != nil {
		return exchange{}, err
	}
	var e exchange
	if e.request, err = proto.Marshal(question); err != nil {
		return exchange{}, err
	}
	if e.answer, err = proto.Marshal(answer); err != nil {
		return exchange{}, err
	}
	if err := allows(e.answer); err != nil {
		return exchange{}, fmt.Errorf("before the loads: %w", err)
	}
	return e, nil
}
