package access

import "net/netip"

// Request is what is asked about a key. The zero Request presents none.
type Request struct {
	// Form is what the presented credential looks like.
	Form Form
	// Permission is what the call needs; empty asks only whether the key is
	// good. It must name one permission: anything else is denied.
	Permission string
	// ClientIP is where the client is. The zero Addr is unknown, and then a key
	// that is bound to networks is denied.
	ClientIP netip.Addr
	// KeyTenant, when given, is the only tenant whose keys are known.
	KeyTenant string
	// Aim is what is called, when that is asked too.
	Aim Aim
}
