// Package access decides whether the holder of a key may make a call.
//
// Everything here is a pure function on plain data: no context, no clock, no
// I/O, no log and no randomness of its own. What can't be known is denied: the
// zero Verdict, the zero Reason, the zero Grant and the zero Request all refuse.
package access
