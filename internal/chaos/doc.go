// Package chaos holds a group of replicas to its promise while everything around
// them breaks: a check that began after a write was confirmed, or after the stop
// time that its answer named, is decided with that write, or not at all. And it holds
// them to their limits: no more is spent of a quota than it has, and no more is let
// through by a rate limit than it brings.
//
// Real processes, each behind a link of its own to one private Postgres, are asked
// and managed by many clients. Meanwhile a schedule drawn from a seed cuts links,
// swallows and delays what goes over them, pauses, kills and restarts processes,
// restarts Postgres and drops the connections that carry wakes; and Redis, where rate
// limits are shared through it, is cut off, paused and killed. What the clients saw of
// keys is judged twice: by porcupine against a model of the promise, and by the plain
// rules that follow from it. What they spent is held to what may have been, which
// follows from how replicas share. It must not be imported outside tests.
package chaos
