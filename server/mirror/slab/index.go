package slab

import (
	"encoding/binary"
	"errors"
)

const (
	slotSize  = 8
	pageSize  = 4096
	pageHead  = 64 // how many slots are used, and by how many bits the page is chosen
	pageSlots = (pageSize - pageHead) / slotSize
	pageMost  = pageSlots * 4 / 5
	maxDepth  = 24
)

// errCrowded is a page full of hashes that no split tells apart.
var errCrowded = errors.New("too many equal hashes")

// index leads from hashes to blocks by extendible hashing (Fagin and others, 1979):
// the lower bits of a hash choose a page of the directory, and a page that is full
// is split in two. So it grows by a page at a time, and never as a whole. A slot
// holds 32 bits of the hash beside the block, which spares nearly all looks at
// records of others, and lets a page be split without reading any.
//
// Its zero value is empty. The lock of the shard it belongs to guards it.
type index struct {
	directory []ref
}

// page is a page's block: the head, and slots that are probed one after the other.
type page []byte

func (x *index) page(a *arena, hash uint32) page {
	if len(x.directory) == 0 {
		return nil
	}
	return pageAt(a, x.directory[hash&uint32(len(x.directory)-1)]) //nolint:gosec // at most 1<<maxDepth
}

func pageAt(a *arena, r ref) page { return page(a.at(r)[:pageSize]) }

func (p page) used() uint32       { return binary.LittleEndian.Uint32(p) }
func (p page) setUsed(n uint32)   { binary.LittleEndian.PutUint32(p, n) }
func (p page) depth() uint32      { return binary.LittleEndian.Uint32(p[4:]) }
func (p page) setDepth(d uint32)  { binary.LittleEndian.PutUint32(p[4:], d) }
func (p page) at(i uint32) []byte { return p[pageHead+i*slotSize:] }

func (p page) slot(i uint32) (hash uint32, r ref) {
	v := binary.LittleEndian.Uint64(p.at(i))
	return uint32(v >> 32), ref(v & (1<<32 - 1))
}

func (p page) set(i, hash uint32, r ref) {
	binary.LittleEndian.PutUint64(p.at(i), uint64(hash)<<32|uint64(r))
}

// home is the slot that an entry is looked for first. It goes by the upper bits of
// the hash, as those that choose a page are the lower ones.
func home(hash uint32) uint32 { return uint32(uint64(hash) * pageSlots >> 32) }

func after(i uint32) uint32 {
	if i++; i == pageSlots {
		return 0
	}
	return i
}

// add puts a block in. There must be room for it.
func (p page) add(hash uint32, r ref) {
	i := home(hash)
	for {
		if _, taken := p.slot(i); taken == 0 {
			break
		}
		i = after(i)
	}
	p.set(i, hash, r)
	p.setUsed(p.used() + 1)
}

// remove empties a slot, and moves up what was pushed past it.
func (p page) remove(hole uint32) {
	distance := func(from, to uint32) uint32 { return (to + pageSlots - from) % pageSlots }
	for i := after(hole); ; i = after(i) {
		hash, r := p.slot(i)
		if r == 0 {
			break
		}
		// It may move up only as far as its home.
		if distance(home(hash), i) >= distance(hole, i) {
			p.set(hole, hash, r)
			hole = i
		}
	}
	p.set(hole, 0, 0)
	p.setUsed(p.used() - 1)
}

// probe goes through the entries that have a hash.
type probe struct {
	page page
	hash uint32
	// slot is where the entry that next gave stands.
	slot uint32
	at   uint32
}

func (x *index) probe(a *arena, hash uint32) probe {
	return probe{page: x.page(a, hash), hash: hash, at: home(hash)}
}

// next gives the next block; 0 when there is none.
func (p *probe) next() ref {
	if p.page == nil {
		return 0
	}
	for {
		hash, r := p.page.slot(p.at)
		p.slot = p.at
		if r == 0 {
			return 0
		}
		p.at = after(p.at)
		if hash == p.hash {
			return r
		}
	}
}

// set makes the entry lead to another block.
func (p *probe) set(r ref) { p.page.set(p.slot, p.hash, r) }

// remove takes the entry out. The probe is over then.
func (p *probe) remove() { p.page.remove(p.slot) }

// all goes through the blocks that an index leads to.
func (x *index) all(a *arena, each func(ref)) {
	for i, at := range x.directory {
		p := pageAt(a, at)
		if i>>p.depth() != 0 {
			continue // seen before: several entries lead to it
		}
		for slot := range uint32(pageSlots) {
			if _, r := p.slot(slot); r != 0 {
				each(r)
			}
		}
	}
}
