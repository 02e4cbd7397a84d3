package limits

import (
	"slices"
	"strings"

	"github.com/keystile/keystile/storage"
)

// is tells whether two subjects are the same, by all that they are known by.
func (s *Subject) is(other *Subject) bool {
	return s.Kind == other.Kind && s.ID == other.ID && s.Tenant == other.Tenant &&
		(s.Route == other.Route || sameRoute(s.Route, other.Route))
}

func sameRoute(a, b *storage.Route) bool {
	if a == nil || b == nil {
		return false
	}
	return a.Path == b.Path && slices.Equal(a.Methods, b.Methods) && slices.Equal(a.Hosts, b.Hosts)
}

// clone gives a subject that keeps nothing else of its record.
func (s *Subject) clone() Subject {
	out := Subject{Kind: s.Kind, Tenant: strings.Clone(s.Tenant), ID: strings.Clone(s.ID)}
	if r := s.Route; r != nil {
		out.Route = &storage.Route{Path: strings.Clone(r.Path), Hosts: cloneTexts(r.Hosts), Methods: cloneTexts(r.Methods)}
	}
	return out
}

func cloneTexts(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = strings.Clone(text)
	}
	return out
}

// same tells whether two lists hold the same. Nearly always they are one list.
func same[T comparable](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}
