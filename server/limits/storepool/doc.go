// Package storepool shares limits through the store: it makes a limits.Pool and a
// limits.Ledger of what a store keeps.
//
// It knows the arithmetic of limits, and the store keeps numbers. It opens no store.
package storepool
