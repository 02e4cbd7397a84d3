package server

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// The bounds of the connection inside the process.
const (
	inProcessBuffer = 1 << 20
	maxInProcess    = 64 << 20
)

// InProcess is a connection to a gRPC server of this process, over which the
// REST facade calls, so that every interceptor stays in force.
type InProcess struct {
	listener *bufconn.Listener
	conn     *grpc.ClientConn
}

// NewInProcess makes the connection; serve the server on Listener.
func NewInProcess() (*InProcess, error) {
	listener := bufconn.Listen(inProcessBuffer)
	conn, err := grpc.NewClient("passthrough:///keystile",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxInProcess)),
		grpc.WithDisableServiceConfig(),
	)
	if err != nil {
		return nil, fmt.Errorf("connecting to the own server: %w", err)
	}
	return &InProcess{listener, conn}, nil
}

// Listener is what the gRPC server is to be served on.
func (p *InProcess) Listener() net.Listener { return p.listener }

// Conn is the client's end.
func (p *InProcess) Conn() grpc.ClientConnInterface { return p.conn }

// Close ends the connection.
func (p *InProcess) Close() error {
	if err := p.conn.Close(); err != nil {
		return fmt.Errorf("closing the connection to the own server: %w", err)
	}
	return nil
}
