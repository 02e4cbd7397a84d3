//go:build mutant_skip_apply && !mutant_no_lease

package mirror

const (
	mutantSkipApply = true
	mutantNoLease   = false
)
