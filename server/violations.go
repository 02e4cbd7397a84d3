package server

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/codes"

	"github.com/keystile/keystile/server/access"
)

// violations collects everything that is wrong with a request, so that its
// sender learns all of it at once. The zero value is ready, and finds nothing.
type violations struct {
	found []Violation
}

// add notes a fault of a field. The format's arguments must not hold what the
// client sent.
func (v *violations) add(field, format string, args ...any) {
	v.found = append(v.found, Violation{field, fmt.Sprintf(format, args...)})
}

// err gives the fault of everything found, or nil.
func (v *violations) err() error {
	if len(v.found) == 0 {
		return nil
	}
	message := "the request is invalid: see " + v.found[0].Field
	if n := len(v.found) - 1; n > 0 {
		message += " and " + strconv.Itoa(n) + " more"
	}
	return &Fault{Code: codes.InvalidArgument, Reason: reasonInvalid, Message: message, Violations: v.found}
}

// text wants at most limit bytes of printable UTF-8.
func (v *violations) text(field, value string, limit int) {
	switch {
	case len(value) > limit:
		v.add(field, "must have at most %d bytes", limit)
	case !utf8.ValidString(value):
		v.add(field, "must be UTF-8")
	case strings.IndexFunc(value, func(c rune) bool { return !unicode.IsPrint(c) }) >= 0:
		v.add(field, "must hold printable characters only")
	}
}

// requestID wants what a repeatable call may be named by.
func (v *violations) requestID(value string) {
	if len(value) > 128 {
		v.add("requestId", "must have at most 128 bytes")
		return
	}
	for i := range len(value) {
		if value[i] <= ' ' || value[i] > '~' {
			v.add("requestId", "must hold printable ASCII characters only, and no blanks")
			return
		}
	}
}

// id wants an id by one of the rules below.
func (v *violations) id(field, value string, rule func(string) bool, form string) {
	switch {
	case value == "":
		v.add(field, "is required")
	case !rule(value):
		v.add(field, "must be %s", form)
	}
}

// The forms of ids, as sentences end with them.
const (
	tenantIDForm = "1 to 63 lower-case letters, digits and '-', beginning with a letter and not ending with '-'"
	userIDForm   = "1 to 64 letters, digits and '.', '_', '@', '-', beginning with a letter or digit"
	keyIDForm    = "a key's id, such as key_0123456789abcdefghjkmnpqrs"
)

func validTenantID(id string) bool { return access.ValidTenantID(id) }

func validUserID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || strings.IndexByte("._@-", c) < 0) {
			return false
		}
	}
	return true
}

func validKeyID(id string) bool { return validGenerated(id, keyIDPrefix) }

// validGenerated tells whether id is one that newID could have drawn.
func validGenerated(id, prefix string) bool {
	rest, ok := strings.CutPrefix(id, prefix)
	if !ok || len(rest) != idLen {
		return false
	}
	for i := range len(rest) {
		if strings.IndexByte(idAlphabet, rest[i]) < 0 {
			return false
		}
	}
	return true
}
