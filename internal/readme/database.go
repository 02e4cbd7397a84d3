package main

import (
	"fmt"
	"strings"

	"github.com/keystile/keystile/internal/pgtest"
)

// exampleDatabase is how documents name the reader's own Postgres; a real and
// empty one stands in for it.
const exampleDatabase = "postgres://keystile@127.0.0.1:5432/keystile"

// database starts a Postgres for a document that speaks of one, and gives its
// URL; without need, nothing.
func database(doc document) (url string, remove func() error, err error) {
	for _, st := range doc.steps {
		if st.skip == "" && strings.Contains(st.text, exampleDatabase) {
			if url, remove, err = pgtest.Scratch(); err != nil {
				return "", nil, fmt.Errorf("starting a Postgres: %w", err)
			}
			return url, remove, nil
		}
	}
	return "", func() error { return nil }, nil
}
