// Package server has the doors through which Keystile is asked, and the one
// Service behind them.
//
// Doors only translate: every check ends in Service.Check, every write of a key
// in ManageKey. The package opens no store and reads no configuration; that is
// cmd/keystile's business.
package server
