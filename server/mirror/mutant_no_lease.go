//go:build mutant_no_lease && !mutant_skip_apply

package mirror

const (
	mutantSkipApply = false
	mutantNoLease   = true
)
