package gateway

import (
	"net/netip"
	"strings"
)

// ClientAddress tells where a client is, given where the connection comes from
// and the values of X-Forwarded-For, in their order. Each proxy adds on the right
// the address it was called from, so that going from the right the first one that
// is no trusted proxy's is the client's; what stands further left is what that
// client claims. A peer that is not trusted is itself the client. When everything
// is a trusted proxy's, or an entry can't be read, the client is not known, and
// the zero Addr is given.
func ClientAddress(peer netip.Addr, forwarded []string, trusted []netip.Prefix) netip.Addr {
	peer = peer.Unmap().WithZone("")
	if !peer.IsValid() || !within(trusted, peer) {
		return peer
	}
	for i := len(forwarded) - 1; i >= 0; i-- {
		for rest, more := forwarded[i], true; more; {
			var entry string
			rest, entry, more = cutLast(rest)
			addr, ok := readAddress(entry)
			if !ok {
				return netip.Addr{}
			}
			if !within(trusted, addr) {
				return addr
			}
		}
	}
	return netip.Addr{}
}

// cutLast takes the last entry off a list; more tells whether there are others.
func cutLast(list string) (rest, last string, more bool) {
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		return list[:i], list[i+1:], true
	}
	return "", list, false
}

// readAddress reads an entry: an address, which some proxies write with its port.
func readAddress(entry string) (netip.Addr, bool) {
	entry = strings.Trim(entry, " \t")
	if ap, err := netip.ParseAddrPort(entry); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	if inside, ok := strings.CutPrefix(entry, "["); ok {
		entry, _ = strings.CutSuffix(inside, "]")
	}
	addr, err := netip.ParseAddr(entry)
	return addr.Unmap().WithZone(""), err == nil
}

func within(networks []netip.Prefix, addr netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}
