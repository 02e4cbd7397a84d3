// Package sqlstore is the Store on SQL: Postgres, and SQLite in a local file as
// the embedded default. Every query is written once and serves both; what can't
// be said in one way for both stands in a small dialect.
//
// It decides nothing about records. It must hold to what storage.Store demands:
// one transaction holds the records, their audit events and the row of the
// change log, in that order of locks. Counters of limits are no records: what is taken
// of them is one statement by itself.
package sqlstore
