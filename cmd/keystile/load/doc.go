// Package load puts something under load and measures its answers.
//
// It knows neither servers nor keys: what a call is, its caller says. In a closed
// loop each call begins when the one before it has been answered; in an open loop
// calls are due at a fixed rate, and their latency runs from when they were due,
// so that a server that stalls can't hide the calls that it kept from being
// made (coordinated omission). It must not import another package of the module.
package load
