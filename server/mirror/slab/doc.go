// Package slab keeps the keys and users that checks read, by the millions: as
// records without pointers, in memory that the garbage collector does not look
// at. It knows storage's records and nothing of what they mean: it grants and
// refuses nothing, follows no store, and has no clock.
//
// One writer at a time puts and deletes; readers run beside it. A record that is
// published is not written again: a change is a new record, and one short lock
// over the shards that lead to it makes it visible under all its digests at
// once. A reader copies what it needs while it holds the lock of the one shard it
// came through, so that it sees a key wholly before a change or wholly after it.
//
// What repeats among keys (sets of scopes, labels, APIs, networks, roles and
// limits, names of tenants, prefixes) is kept once, as an ordinary Go value that all
// lookups share. The number of such values is bounded, so that the collector's
// work is too; beyond the bound a record carries its own.
package slab
