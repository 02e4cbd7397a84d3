package gateway

// entry is a name and its value, in a map or a list.
type entry struct{ name, value string }

// entries are the entries of an encoded map, in which the last one of a name counts.
// The zero value is empty.
type entries struct {
	list []entry
	// at finds entries once there are many, so that nobody can make it slow.
	at map[string]int
}

// manyEntries is how many are looked through one by one.
const manyEntries = 16

func (e *entries) put(name, value string) {
	i, known := e.find(name)
	if known {
		e.list[i].value = value
		return
	}
	e.list = append(e.list, entry{name, value})
	switch {
	case e.at != nil:
		e.at[name] = i
	case len(e.list) > manyEntries:
		e.at = make(map[string]int, 2*manyEntries)
		for i := range e.list {
			e.at[e.list[i].name] = i
		}
	}
}

// find gives the place of an entry, or the one that it will have.
func (e *entries) find(name string) (at int, known bool) {
	if e.at != nil {
		if at, known = e.at[name]; known {
			return at, true
		}
		return len(e.list), false
	}
	for i := range e.list {
		if e.list[i].name == name {
			return i, true
		}
	}
	return len(e.list), false
}

// readEntry reads an encoded entry of a map. What it lacks is empty.
func readEntry(wire string) (name, value string, ok bool) {
	m := message{rest: wire}
	for m.next() {
		switch m.field {
		case 1:
			name = m.content
		case 2:
			value = m.content
		}
	}
	return name, value, !m.broken
}
