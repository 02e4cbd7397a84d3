package limits

import (
	"slices"
	"sync"
	"sync/atomic"
)

// numbered gives things numbers from 1, so that what refers to them holds no pointer.
// To read one takes no lock. A number that was dropped is given again: who reads makes
// sure afterwards that what it has the number from still bears it.
type numbered[T any] struct {
	pages atomic.Pointer[[]*page[T]]

	mu   sync.Mutex
	last uint32
	free []uint32
}

const pageSize = 1 << 8

type page[T any] [pageSize]atomic.Pointer[T]

// at gives what bears a number that was given once; nil when it was dropped.
func (n *numbered[T]) at(number uint32) *T {
	return (*n.pages.Load())[number/pageSize][number%pageSize].Load()
}

func (n *numbered[T]) add(thing *T) uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if last := len(n.free) - 1; last >= 0 {
		number := n.free[last]
		n.free = n.free[:last]
		(*n.pages.Load())[number/pageSize][number%pageSize].Store(thing)
		return number
	}
	n.last++
	var pages []*page[T]
	if now := n.pages.Load(); now != nil {
		pages = *now
	}
	if int(n.last/pageSize) == len(pages) {
		// Readers may hold the list, which is not written beyond what they can see.
		pages = append(slices.Clip(pages), new(page[T]))
		n.pages.Store(&pages)
	}
	pages[n.last/pageSize][n.last%pageSize].Store(thing)
	return n.last
}

func (n *numbered[T]) drop(number uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	(*n.pages.Load())[number/pageSize][number%pageSize].Store(nil)
	n.free = append(n.free, number)
}
