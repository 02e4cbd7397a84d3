// Package rest is the REST door: JSON over HTTP in front of the gRPC server.
//
// It translates and nothing else. Every call goes through the gRPC server's
// own interceptors, over the connection that New is given, so this package
// decides nothing about who may do what. What it does decide is whether a
// request can be read in one way only: an unknown or repeated name, a header
// that does not belong, a path with two readings is refused here and never
// repaired.
//
// It must not import the server, the store or the decision.
package rest
