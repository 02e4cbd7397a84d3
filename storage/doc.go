// Package storage says what Keystile remembers: plain record types, the Store
// interface that a database implements, and the errors both sides agree on.
//
// It must not import anything outside the standard library, and it decides
// nothing: what a record means for a call is server/access's business.
package storage
