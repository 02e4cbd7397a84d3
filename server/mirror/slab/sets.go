package slab

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"

	"github.com/keystile/keystile/storage"
)

func appendU32(out []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(out, v) }

func appendU64(out []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(out, v) }

// The encodings of sets: a count, and then each part with its length. Two equal
// sets have one encoding, so that it can stand for the set.

func appendList(out []byte, list []string) []byte {
	out = binary.AppendUvarint(out, uint64(len(list)))
	for _, text := range list {
		out = appendText(out, text)
	}
	return out
}

func decodeText(encoding []byte) string { return string(encoding) }

// decodeList gives a list that is never nil.
func decodeList(encoding []byte) []string {
	c := cursor{encoding}
	out := make([]string, c.count())
	for i := range out {
		out[i] = string(c.text())
	}
	return out
}

func (c *cursor) count() int {
	n, width := binary.Uvarint(c.rest)
	c.rest = c.rest[width:]
	return int(n) //nolint:gosec // the length of what was encoded
}

func appendLabels(out []byte, labels map[string]string) []byte {
	out = binary.AppendUvarint(out, uint64(len(labels)))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		out = appendText(appendText(out, name), labels[name])
	}
	return out
}

func decodeLabels(encoding []byte) map[string]string {
	c := cursor{encoding}
	n := c.count()
	out := make(map[string]string, n)
	for range n {
		name := string(c.text())
		out[name] = string(c.text())
	}
	return out
}

func appendAPIs(out []byte, apis []storage.APIRef) []byte {
	out = binary.AppendUvarint(out, uint64(len(apis)))
	for _, api := range apis {
		out = appendText(appendText(out, api.TenantID), api.ID)
	}
	return out
}

func decodeAPIs(encoding []byte) []storage.APIRef {
	c := cursor{encoding}
	out := make([]storage.APIRef, c.count())
	for i := range out {
		out[i].TenantID = string(c.text())
		out[i].ID = string(c.text())
	}
	return out
}

// appendNetworks keeps an invalid prefix in its place as an invalid one: it
// contains no address, and without it a list could come to allow every one.
func appendNetworks(out []byte, networks []netip.Prefix) []byte {
	out = binary.AppendUvarint(out, uint64(len(networks)))
	for _, n := range networks {
		if !n.IsValid() {
			out = appendText(out, "")
			continue
		}
		out = appendText(out, append(n.Addr().AsSlice(), byte(n.Bits()))) //nolint:gosec // at most 128
	}
	return out
}

func decodeNetworks(encoding []byte) []netip.Prefix {
	c := cursor{encoding}
	out := make([]netip.Prefix, c.count())
	for i := range out {
		text := c.text()
		if len(text) == 0 {
			continue
		}
		addr, _ := netip.AddrFromSlice(text[:len(text)-1])
		out[i] = netip.PrefixFrom(addr, int(text[len(text)-1]))
	}
	return out
}

func appendUserRef(out []byte, who storage.UserRef) []byte {
	return appendText(appendText(out, who.TenantID), who.ID)
}

func decodeUserRef(encoding []byte) storage.UserRef {
	c := cursor{encoding}
	return storage.UserRef{TenantID: string(c.text()), ID: string(c.text())}
}

func appendRoleSet(out []byte, tenant string, roles []string) []byte {
	return appendList(appendText(out, tenant), roles)
}

func decodeRoleSet(encoding []byte) *RoleSet {
	c := cursor{encoding}
	out := &RoleSet{TenantID: string(c.text())}
	out.IDs = decodeList(c.rest)
	return out
}
