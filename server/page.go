package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// The sizes of a page.
const (
	defaultPageSize = 50
	maxPageSize     = 1000
)

// token is what a page token holds: where to go on, and which query gave it.
// It grants nothing: whoever makes one up sees what the query shows anyway.
type token struct {
	Query  []byte          `json:"q"`
	Cursor json.RawMessage `json:"c"`
}

// pageSize gives the size of a page that a request asks for.
func pageSize(v *violations, size int32) int {
	switch {
	case size < 0 || size > maxPageSize:
		v.add("pageSize", "must be 0 to %d; 0 is %d", maxPageSize, defaultPageSize)
		return defaultPageSize
	case size == 0:
		return defaultPageSize
	}
	return int(size)
}

// queryPrint tells one query from another.
func queryPrint(parts ...string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return sum[:8]
}

// pageToken makes the token that goes on at cursor.
func pageToken(query []byte, cursor any) string {
	c, err := json.Marshal(cursor)
	if err != nil {
		return ""
	}
	raw, err := json.Marshal(token{query, c})
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// readPageToken reads where to go on into cursor; an empty text is the start.
func readPageToken(v *violations, text string, query []byte, cursor any) {
	if text == "" {
		return
	}
	var t token
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	if err == nil {
		err = json.Unmarshal(t.Cursor, cursor)
	}
	switch {
	case err != nil:
		v.add("pageToken", "is no token that this service gave")
	case string(t.Query) != string(query):
		v.add("pageToken", "belongs to another query; repeat the query that gave it, or start without a token")
	}
}
