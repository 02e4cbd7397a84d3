// Package filter narrows lists: it reads a subset of the filter language of
// AIP-160 and holds messages against it, by reflection. docs/filter.md describes
// the language to those who write it.
//
// A filter is read once, against the type of message that it will see: whatever
// can't hold (an unknown field, a value of another type, an operator that the type
// has not) is refused then, and matching can't fail. Everything is bounded, and no
// error repeats a value.
//
// A filter grants nothing and hides nothing. Hold it against messages as the
// caller may see them: whoever can filter by a field can find out what it holds.
package filter
