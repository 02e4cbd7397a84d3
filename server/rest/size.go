package rest

import (
	"fmt"
	"net/http"
	"strconv"
)

const (
	// maxImportBody is room for 10,000 keys with what belongs to them.
	maxImportBody = 8 << 20
	// maxObjects bounds the objects in one body. The longest legitimate one, an
	// import of 10,000 keys with labels, has 20,001. Without it three bytes would
	// become a message of some hundred, before anybody knows who asks.
	maxObjects = 1 << 15
)

// bodyLimit is the most bytes that the route's body may have, given what holds
// for all others.
func (t *route) bodyLimit(usual int64) int64 { return max(t.maxBody, usual) }

// bodyTooLarge is the problem of a body beyond its limit.
func bodyTooLarge(limit int64) *Problem {
	return &Problem{
		Status: http.StatusRequestEntityTooLarge,
		Reason: reasonBodyTooLarge,
		Detail: fmt.Sprintf("the body has more than %d bytes", limit),
	}
}

// crowded refuses a body of too many objects, before any of them is made.
func crowded(data []byte) *Problem {
	objects := 0
	inString := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			inString = !inString
		case c == '\\' && inString:
			i++
		case c == '{' && !inString:
			objects++
		}
	}
	if objects > maxObjects {
		return invalid(fieldBody, "must hold no more than "+strconv.Itoa(maxObjects)+" objects")
	}
	return nil
}
