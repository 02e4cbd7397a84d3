// Package e2e tests the binary from the outside: real processes, real stores,
// real signals.
package e2e
