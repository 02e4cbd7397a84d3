//go:build !profile

package main

// profiled does nothing; see the file beside this one.
func profiled() (stop func()) { return func() {} }
