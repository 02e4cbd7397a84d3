package slab

// The bound on shared values of a kind; what is beyond it stays in the records.
const (
	internedPerPage = 1 << 10
	internedPages   = 1 << 6
)

// shared is how a record refers to a value that others have too: by its number,
// or beyond the bound by carrying its encoding. The zero shared is no value.
type shared struct {
	number uint32
	own    []byte
}

// carried stands in a record for a number when the encoding follows.
const carried = 1<<32 - 1

// interned keeps each value of a kind once, by number from 1, for as long as a
// record refers to it. Only the writer acquires and releases. Readers resolve
// numbers of records they hold the lock of: such a value was there before the
// record was published, and stays until after the record has gone.
type interned[T any] struct {
	decode  func([]byte) T
	numbers map[string]uint32
	pages   [internedPages]*[internedPerPage]internedValue[T]
	free    []uint32
	last    uint32
}

type internedValue[T any] struct {
	value    T
	encoding string
	refs     uint32
}

func newInterned[T any](decode func([]byte) T) interned[T] {
	return interned[T]{decode: decode, numbers: make(map[string]uint32)}
}

func (n *interned[T]) at(number uint32) *internedValue[T] {
	return &n.pages[number/internedPerPage][number%internedPerPage]
}

// acquire counts one more reference to the value of an encoding.
func (n *interned[T]) acquire(encoding []byte) (number uint32, ok bool) {
	if number, ok := n.numbers[string(encoding)]; ok {
		n.at(number).refs++
		return number, true
	}
	switch last := len(n.free) - 1; {
	case last >= 0:
		number = n.free[last]
		n.free = n.free[:last]
	case n.last+1 < internedPages*internedPerPage:
		n.last++
		number = n.last
		if page := &n.pages[number/internedPerPage]; *page == nil {
			*page = new([internedPerPage]internedValue[T])
		}
	default:
		return 0, false
	}
	text := string(encoding)
	*n.at(number) = internedValue[T]{n.decode(encoding), text, 1}
	n.numbers[text] = number
	return number, true
}

// append writes a reference to the value of an encoding to a record.
func (n *interned[T]) append(out, encoding []byte) []byte {
	if number, ok := n.acquire(encoding); ok {
		return appendU32(out, number)
	}
	return appendText(appendU32(out, carried), encoding)
}

func (n *interned[T]) release(s shared) {
	if s.number == 0 {
		return
	}
	v := n.at(s.number)
	if v.refs--; v.refs > 0 {
		return
	}
	delete(n.numbers, v.encoding)
	*v = internedValue[T]{}
	n.free = append(n.free, s.number)
}

// resolve gives the value, which lookups share and nobody may change.
func (n *interned[T]) resolve(s shared) (value T) {
	switch {
	case s.number != 0:
		return n.at(s.number).value
	case s.own != nil:
		return n.decode(s.own)
	}
	return value
}

// shared reads a reference that append wrote.
func (c *cursor) shared() shared {
	if number := c.u32(); number != carried {
		return shared{number: number}
	}
	return shared{own: c.text()}
}
