//go:build mutant_keep_twice

package limits

const mutantKeepTwice = true
