//go:build !mutant_keep_twice

package limits

// A server that is broken on purpose, by a build tag, shows that the tests of
// internal/chaos can fail. This one is whole.
const (
	// mutantKeepTwice keeps what a flight brought twice: units of a quota of which the
	// ledger knows nothing, and tokens that are returned and spent.
	mutantKeepTwice = false
)
