// Package gateways drives the configurations of deploy/ end to end: the real
// proxy, the real Keystile, a real upstream. Its tests stand behind the build tag
// "gateways", since they need the proxies; `make test-gateways` fetches what can be
// had, and says what was not run.
package gateways
