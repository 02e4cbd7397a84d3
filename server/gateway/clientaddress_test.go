package gateway

import (
	"net/netip"
	"testing"
)

func networks(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

func TestClientAddress(t *testing.T) {
	loopback := networks("127.0.0.0/8", "::1/128")
	inner := networks("127.0.0.0/8", "10.0.0.0/8")
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		trusted    []netip.Prefix
		want       string
	}{
		{"direct", "203.0.113.7", nil, loopback, "203.0.113.7"},
		{"direct, with a forged header", "203.0.113.7", []string{"10.0.0.1"}, loopback, "203.0.113.7"},
		{"nothing trusted", "127.0.0.1", []string{"203.0.113.7"}, nil, "127.0.0.1"},
		{"behind a proxy", "127.0.0.1", []string{"203.0.113.7"}, loopback, "203.0.113.7"},
		{"forged on the left", "127.0.0.1", []string{"10.9.9.9, 203.0.113.7"}, loopback, "203.0.113.7"},
		{"forged in a header of its own", "127.0.0.1", []string{"10.9.9.9", "203.0.113.7"}, loopback, "203.0.113.7"},
		{"through two proxies", "127.0.0.1", []string{"10.9.9.9, 203.0.113.7, 10.0.0.1"}, inner, "203.0.113.7"},
		{"the proxy does not say", "127.0.0.1", nil, loopback, ""},
		{"all are trusted", "127.0.0.1", []string{"10.0.0.5, 10.0.0.1"}, inner, ""},
		{"unknown nearest", "127.0.0.1", []string{"203.0.113.7, unknown"}, loopback, ""},
		{"empty entry", "127.0.0.1", []string{"203.0.113.7,"}, loopback, ""},
		{"with a port", "127.0.0.1", []string{"203.0.113.7:4711"}, loopback, "203.0.113.7"},
		{"IPv6", "::1", []string{"2001:db8::7"}, loopback, "2001:db8::7"},
		{"IPv6 in brackets with a port", "::1", []string{"[2001:db8::7]:4711"}, loopback, "2001:db8::7"},
		{"IPv6 in brackets", "::1", []string{"[2001:db8::7]"}, loopback, "2001:db8::7"},
		{"mapped peer", "::ffff:127.0.0.1", []string{"::ffff:203.0.113.7"}, loopback, "203.0.113.7"},
		{"zone", "::1", []string{"fe80::1%eth0"}, loopback, "fe80::1"},
	} {
		want := netip.Addr{}
		if c.want != "" {
			want = netip.MustParseAddr(c.want)
		}
		if got := ClientAddress(netip.MustParseAddr(c.peer), c.forwarded, c.trusted); got != want {
			t.Errorf("%s: got %v, want %v", c.name, got, want)
		}
	}
	if got := ClientAddress(netip.Addr{}, []string{"203.0.113.7"}, loopback); got.IsValid() {
		t.Errorf("a peer that is not known: got %v", got)
	}
}
