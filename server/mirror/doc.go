// Package mirror keeps the complete in-memory copy that checks read, fresh from
// the store's change log.
//
// It reads the store and never writes it, and it decides nothing: it gives the
// evidence, and says how old that is.
package mirror
