// Package storagetest is the conformance suite that every storage.Store must
// pass. It knows a store by its interface alone.
package storagetest
