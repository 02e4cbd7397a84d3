// Package redispool shares rate limits through Redis: a single node, one that
// Sentinels watch, or a Redis Cluster.
//
// Each counter is one key, "ks:l:" and the counter's name. Its value is the
// theoretical arrival time of access.Pace in decimal, in nanoseconds by the clock of
// the Redis that holds it. One script takes and looks, another returns; each touches
// one key, so any slot of a cluster will do, and all that one call asks for goes out
// in one pipeline to each node. A key expires a second after its state is whole
// again. Nothing else is kept: a counter that is not there is whole, and so is every
// one of a Redis that was emptied. Quotas are never in Redis.
//
// # Numbers
//
// Lua counts in doubles, which are exact up to 2^53. So a time is two numbers,
// microseconds and the nanoseconds below them, and what is decided by stays below
// 2^53 until the year 2180. The scripts give exactly what access.Pace does at the
// time of the Redis' clock. That clock counts microseconds, cut off: Reset and Retry
// are rounded up to them. A Burst of more than 10^12 is cut to that.
//
// A value that is no time, or one that lies further ahead than any rate allows, is
// not ours. Its counter is read as spent, and is whole again when a spent one would
// be.
//
// # When Redis fails
//
// What a call took is unknown after an error, and counts as spent. No call is sent
// twice, except where Redis has said that it did not run it: the node of a cluster
// that does not hold the key, or a script that is not loaded. In a cluster, one node
// that does not answer fails the calls that ask it, together with what else they
// ask.
//
// A replica that is promoted may not have heard of the last takes of its master, as
// Redis replicates after it has answered. What was taken in that tail is then there
// again: each counter admits once more at most what it gave in the time that the
// replica was behind, and never more than a whole Burst. A master that is cut off
// may go on giving until it notices; what two masters give at once is bounded by two
// whole states. As far as the promoted Redis' clock is ahead of the old one's, what
// comes back in that time is there as well. A clock that is put forward does the
// same; one that is put back refuses for as long as it was put. Where more must not
// happen, set min-replicas-to-write and keep the clocks in step.
//
// A counter that Redis evicts is whole, so its maxmemory-policy must be noeviction,
// or volatile-ttl, which evicts first what would be whole soonest. A full Redis that
// evicts nothing refuses the takes, and the replicas go on as they do without it.
//
// # What it needs
//
// Redis must be 5 or newer, as before that a script that had read the clock could not
// write. A user of its own needs: ~ks:l:* +evalsha +eval +time +get +set +del
// +client|setname, for another database than 0 +select, and in a cluster
// +cluster|slots.
package redispool
