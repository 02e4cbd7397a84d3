package main

import (
	"context"
	"errors"
	"net"

	"google.golang.org/grpc"
)

// serveGRPC runs a server as grpc-go makes it until ctx ends: what grpc-go and
// protobuf cost for messages of this shape, and nothing else.
func serveGRPC(ctx context.Context, listener net.Listener, register func(*grpc.Server)) error {
	server := grpc.NewServer()
	register(server)
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	if err := server.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}
