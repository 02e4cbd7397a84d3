// Package certs keeps the certificates of the listeners: the server's own pair,
// and the authorities that clients' certificates must come from.
//
// It re-reads the files when they change, and gives every new connection what
// they hold by then. Files that can't be used change nothing: what was in force
// stays, and the log says why. A client whose authority is no longer among the
// files is no client any more: it can't resume a session, and its open
// connections are ended.
//
// It decides nothing about calls, and must not import the server.
package certs
