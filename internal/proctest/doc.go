// Package proctest runs servers for tests, such as a private Postgres or Redis. It
// finds the programs that are on the machine (scripts/test-deps.sh brings them), and
// what it starts ends with the test binary, also when that is killed.
//
// It must not be imported outside tests.
package proctest
