// Package client holds the commands that talk to a running server: key,
// explain, whoami, tenant, user, role, api, subscription, audit and bench. Each is
// a kong struct whose fields are its flags.
//
// It speaks to a server through the generated gRPC clients alone, over gRPC or,
// by a connection that translates, over REST. It must not import the server or
// the store: what it can do, any other client can do as well.
package client
