package slab

// texts gathers strings while a lock is held, and makes them all at once, in one
// piece of memory, when it has been given back. It has its room inside, so that
// all of it may stand on the stack.
type texts struct {
	used   int
	count  int
	room   [160]byte
	places [8]place
	// What the room is too small for.
	far       []byte
	farPlaces []place
}

// place is a string to be made, and how long it is. The strings stand in the order
// of their places.
type place struct {
	to  *string
	len int
}

func (t *texts) add(to *string, text []byte) {
	if t.far == nil && len(text) <= len(t.room)-t.used {
		t.used += copy(t.room[t.used:], text)
	} else {
		t.spill(text)
	}
	t.place(to, len(text))
}

func (t *texts) addID(to *string, low []byte, high uint32) {
	id := unpackID(low, high)
	t.add(to, id[:])
}

func (t *texts) spill(text []byte) {
	if t.far == nil {
		t.far = append(make([]byte, 0, 1024), t.room[:t.used]...)
	}
	t.far = append(t.far, text...)
}

func (t *texts) place(to *string, n int) {
	if t.count < len(t.places) {
		t.places[t.count] = place{to, n}
		t.count++
		return
	}
	t.farPlaces = append(t.farPlaces, place{to, n})
}

func (t *texts) make() {
	all := string(t.far)
	if t.far == nil {
		all = string(t.room[:t.used])
	}
	for i := range t.count {
		all = t.places[i].cut(all)
	}
	for _, p := range t.farPlaces {
		all = p.cut(all)
	}
}

// cut makes the string of what is in front, and gives the rest.
func (p place) cut(from string) (rest string) {
	*p.to = from[:p.len]
	return from[p.len:]
}
