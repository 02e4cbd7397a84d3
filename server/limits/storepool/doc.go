// Package storepool has replicas share limits through the store of record: it turns
// what a store keeps into the Pool and the Ledger that server/limits asks.
package storepool
