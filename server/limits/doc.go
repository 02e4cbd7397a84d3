// Package limits spends rate limits and quotas from memory.
//
// A replica that is alone keeps each rate limit as one word, and takes from it
// without a lock. The words of a subject lie together in slots that hold no pointers, so
// that a million counters are no work for the collector, and one check finds them by one
// look at cold memory. Where replicas share, each holds a few tokens that it has taken
// from a Pool ahead of their use, so that a check still asks nobody; units of a
// quota come in the same way from a Ledger. What is held is bounded so that all
// replicas together never admit more than is documented of rate limits, and never
// overspend a quota.
//
// It knows what is left and nothing of why a call is made: who may call is
// server/access's business. It opens no store; Pool and Ledger are given to it.
package limits
