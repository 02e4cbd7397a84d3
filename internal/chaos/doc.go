// Package chaos holds a group of replicas to its promise while everything around
// them breaks: a check that began after a write was confirmed, or after the stop
// time that its answer named, is decided with that write, or not at all.
//
// Real processes, each behind a link of its own to one private Postgres, are asked
// and managed by many clients. Meanwhile a schedule drawn from a seed cuts links,
// swallows and delays what goes over them, pauses, kills and restarts processes,
// restarts Postgres and drops the connections that carry wakes. What the clients
// saw is judged twice: by porcupine against a model of the promise, and by the
// plain rules that follow from it. It must not be imported outside tests.
package chaos
