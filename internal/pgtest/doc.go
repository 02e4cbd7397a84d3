// Package pgtest runs a private Postgres, and a private PgBouncer before it, for
// tests. It uses the binaries that are on the machine (scripts/test-deps.sh
// brings them), listens on the loopback alone, and leaves nothing behind, also
// when the test binary is killed.
//
// A package whose tests use NewDatabase says so once:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// It must not be imported outside tests.
package pgtest
