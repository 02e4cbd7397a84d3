// Package redistest runs private Redis servers for tests: one, a Redis Cluster of
// three masters, or a master and a replica that a Sentinel watches. They listen on
// the loopback alone, keep nothing, and end with the test, also when the test binary
// is killed.
//
// It must not be imported outside tests.
package redistest
