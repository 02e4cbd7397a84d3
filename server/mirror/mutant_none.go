//go:build !mutant_skip_apply && !mutant_no_lease

package mirror

// Servers that are broken on purpose, by a build tag, show that the tests of
// internal/chaos can fail. This one is whole.
const (
	// mutantSkipApply leaves changes of known keys out, and says that they are in.
	mutantSkipApply = false
	// mutantNoLease answers from the copy however old it is.
	mutantNoLease = false
)
