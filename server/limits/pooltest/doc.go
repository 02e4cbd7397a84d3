// Package pooltest holds the tests that every limits.Pool must pass.
//
// It must not be imported outside tests.
package pooltest
