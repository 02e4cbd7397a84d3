// Package tlstest makes certificates for tests: an authority, and what it issues
// to servers on loopback and to clients.
package tlstest
