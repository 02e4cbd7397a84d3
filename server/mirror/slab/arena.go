package slab

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// ErrTooLarge is a record that is larger than any that was written within the
// bounds of management.
var ErrTooLarge = errors.New("the record is too large to be kept in memory")

// ErrFull is an arena that has no room left.
var ErrFull = errors.New("the memory for records is used up")

// ref is where a block begins, in units of unit bytes. No block begins at 0.
type ref uint32

const (
	unit = 8
	// A chunk is what is asked of the system at once; all of them make 32 GiB.
	chunkSize  = 16 << 20
	chunkUnits = chunkSize / unit
	maxChunks  = 1 << 32 / chunkUnits
	// fineSize is up to where each size has its own list of free blocks.
	fineSize  = 2048
	fineLists = fineSize/unit + 1
	// maxRecord is the largest block; above fineSize there are four lists for
	// each doubling of the size.
	maxRecord = 1 << 20
	lists     = fineLists + 4*(20-11)
)

// arena gives out blocks of its chunks, and takes them back. It grows by a chunk
// at a time and moves nothing, so that growing costs no copy. Only the writer
// allocates and frees.
type arena struct {
	source source
	chunks [maxChunks]*region
	// mem are the chunks' bytes. The array never moves, so that readers may look
	// at chunks of it while the writer adds another.
	mem  [maxChunks][]byte
	used int
	next int
	free [lists]ref
	// live is the size of all blocks that are given out.
	live int
}

// sizeClass gives the list that blocks of a size belong to, and their true size.
func sizeClass(size int) (list, rounded int) {
	if size <= fineSize {
		rounded = (size + unit - 1) &^ (unit - 1)
		return rounded / unit, rounded
	}
	doubling := bits.Len(uint(size-1)) - 1
	step := 1 << (doubling - 2)
	rounded = (size + step - 1) &^ (step - 1)
	return fineLists + 4*(doubling-11) + (rounded-1<<doubling)/step - 1, rounded
}

// alloc gives a block for size bytes, with anything in it.
func (a *arena) alloc(size int) (ref, error) {
	if size <= 0 || size > maxRecord {
		return 0, ErrTooLarge
	}
	list, rounded := sizeClass(size)
	if r := a.free[list]; r != 0 {
		a.free[list] = ref(binary.LittleEndian.Uint32(a.at(r)))
		a.live += rounded
		return r, nil
	}
	if a.used == 0 || a.next+rounded > chunkSize {
		if err := a.grow(); err != nil {
			return 0, err
		}
	}
	r := ref((a.used-1)*chunkUnits + a.next/unit) //nolint:gosec // below maxChunks*chunkUnits, which is 2^32
	a.next += rounded
	a.live += rounded
	return r, nil
}

func (a *arena) grow() error {
	if a.used == maxChunks {
		return ErrFull
	}
	// The first chunk of many a store stays nearly empty: no huge page for it.
	chunk, err := a.source(chunkSize, a.used > 0)
	if err != nil {
		return err
	}
	for a.used > 0 && a.next < chunkSize {
		// What is left of the last chunk serves small records.
		left := min(chunkSize-a.next, fineSize)
		a.put(ref((a.used-1)*chunkUnits+a.next/unit), left) //nolint:gosec // as in alloc
		a.next += left
	}
	a.chunks[a.used], a.mem[a.used] = chunk, chunk.mem
	a.next = 0
	if a.used == 0 {
		a.next = unit
	}
	a.used++
	return nil
}

// release takes back a block that was given out for size bytes.
func (a *arena) release(r ref, size int) {
	a.put(r, size)
	_, rounded := sizeClass(size)
	a.live -= rounded
}

func (a *arena) put(r ref, size int) {
	list, _ := sizeClass(size)
	binary.LittleEndian.PutUint32(a.at(r), uint32(a.free[list]))
	a.free[list] = r
}

// at gives the bytes from a block's beginning to the end of its chunk.
func (a *arena) at(r ref) []byte {
	return a.mem[r/chunkUnits][r%chunkUnits*unit:]
}

// touched is how much of the chunks has ever been given out.
func (a *arena) touched() int {
	if a.used == 0 {
		return 0
	}
	return (a.used-1)*chunkSize + a.next
}
