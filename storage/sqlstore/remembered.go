package sqlstore

import (
	"net/netip"

	"github.com/keystile/keystile/storage"
)

// mostRemembered bounds the texts that are remembered of each kind.
const mostRemembered = 4096

// remembered are texts that were read before, with what they mean: millions of keys
// have a few hundred lists of scopes among them. What is remembered is shared by all
// that have it. A nil one remembers nothing.
type remembered struct {
	lists    map[string][]string
	prefixes map[string][]netip.Prefix
	labels   map[string]map[string]string
	apis     map[string][]storage.APIRef
	limits   map[string]storage.Limits
}

func newRemembered() *remembered {
	return &remembered{
		lists: map[string][]string{}, prefixes: map[string][]netip.Prefix{},
		labels: map[string]map[string]string{}, apis: map[string][]storage.APIRef{}, limits: map[string]storage.Limits{},
	}
}

// recall gives what a text means, by reading it unless it is remembered. A text
// that can't be read is not.
func recall[T any](f *fields, from map[string]T, text string, read func(string) T) T {
	if meant, ok := from[text]; ok {
		return meant
	}
	before := f.spoilt
	f.spoilt = false
	meant := read(text)
	if from != nil && !f.spoilt && len(from) < mostRemembered {
		from[text] = meant
	}
	f.spoilt = f.spoilt || before
	return meant
}
