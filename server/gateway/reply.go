package gateway

import (
	"strconv"
	"strings"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/plainhttp"
	"github.com/keystile/keystile/server/rest"
)

// Reply is what a gateway is told of a decided call. The zero Reply refuses.
type Reply struct {
	Verdict    access.Verdict
	Grant      *access.Grant
	DecisionID string
	// Documentation links to the reason's cause and cure.
	Documentation string
	// Limit is the limit that refused, or else the tightest of those that apply; its
	// Subject is zero when none does.
	Limit limits.State
}

// status is the HTTP status that the reason's row in the table gives.
func (r *Reply) status() int { return r.Verdict.Reason.Entry().HTTPStatus }

// Header is one header of an answer.
type Header = plainhttp.Field

// identity gives the headers that say who calls: all of them always, so that none
// of a client's own gets past one that is left out. A preflight has no caller.
func (r *Reply) identity(names *Names) [6]Header {
	out := [6]Header{}
	for i, name := range names.all() {
		out[i].Name = name
	}
	if r.Verdict.Allowed() && r.Grant != nil {
		if key := r.Grant.Key; key != nil {
			out[0].Value, out[1].Value, out[2].Value = headerText(key.TenantID), headerText(key.UserID), headerText(key.ID)
		}
		if user := r.Grant.User; user != nil {
			out[3].Value = headerList(user.Roles)
		}
		if api := r.Grant.Target.API; api != nil {
			out[4].Value = headerText(api.ID)
		}
	}
	out[5].Value = headerText(r.DecisionID)
	return out
}

// lifecycle gives the headers that tell the client of an API's end: Deprecation
// (RFC 9745) and Sunset (RFC 8594).
func (r *Reply) lifecycle() []Header {
	var out []Header
	for _, w := range r.Verdict.Warnings {
		if w.Kind != access.APIDeprecated {
			continue
		}
		if api := r.Grant.Target.API; api != nil && !api.DeprecateTime.IsZero() {
			out = append(out, Header{Name: "Deprecation", Value: "@" + strconv.FormatInt(api.DeprecateTime.Unix(), 10)})
		}
		if !w.Time.IsZero() {
			out = append(out, Header{Name: "Sunset", Value: w.Time.UTC().Format(httpTime)})
		}
	}
	return out
}

// httpTime is how HTTP writes times (RFC 9110 section 5.6.7).
const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

// problem words a refusal.
func (r *Reply) problem(status int) rest.Problem {
	entry := r.Verdict.Reason.Entry()
	p := rest.Problem{
		Type: r.Documentation, Status: status, Reason: entry.Name, Detail: entry.Message, Remedy: entry.Remedy,
		DecisionID: r.DecisionID, RetryAfter: r.retryAfter(),
		InvalidToken: r.Verdict.Reason != access.KeyMissing,
	}
	if r.Grant != nil {
		p.Detail = access.Message(r.Verdict, r.Grant)
	}
	return p
}

// headerText writes any text so that it is one header value, and always the same
// text again for who decodes it: what is not printable ASCII, and '%' itself, is
// percent-encoded (RFC 3986 section 2.1).
func headerText(text string) string {
	plain := true
	for i := range len(text) {
		plain = plain && plainByte(text[i])
	}
	if plain {
		return text
	}
	const digits = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(text) {
		if c := text[i]; plainByte(c) {
			out.WriteByte(c)
		} else {
			out.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return out.String()
}

func plainByte(c byte) bool { return c > ' ' && c <= '~' && c != '%' && c != ',' }

func headerList(list []string) string {
	switch len(list) {
	case 0:
		return ""
	case 1:
		return headerText(list[0])
	}
	out := make([]string, len(list))
	for i := range list {
		out[i] = headerText(list[i])
	}
	return strings.Join(out, ",")
}
