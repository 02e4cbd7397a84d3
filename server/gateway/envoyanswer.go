package gateway

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/rest"
)

// errNoText is what an answer ends in that can't be told.
var errNoText = errors.New("the answer holds text that is no UTF-8")

// AnswerEnvoy words a decided call as Envoy's ext_authz gRPC service takes it: an
// encoded envoy.service.auth.v3.CheckResponse. The status code alone decides there,
// and zero lets through: the answer is made from a verdict that allows, or is a
// refusal. An error is neither.
func AnswerEnvoy(call *Call, r *Reply, names *Names, o *Options) ([]byte, error) {
	var room [mostFacts]entry
	facts := factsOf(r, room[:0])
	var d draft
	if r.Verdict.Allowed() {
		identity := r.identity(names)
		d.out = make([]byte, 0, names.room+sizeOf(facts, &identity)+len(call.Cookies))
		d.status(codes.OK)
		response := d.begin(3)
		d.allowed(call, r, &identity, names, o)
		d.end(response)
	} else {
		p := r.problem(r.status())
		body, status := p.JSON()
		d.out = make([]byte, 0, names.room+sizeOf(facts, nil)+len(body))
		d.status(refusalCode(r.Verdict.Reason))
		response := d.begin(2)
		d.denied(r, &p, body, status, names)
		d.end(response)
	}
	d.metadata(facts)
	if d.broken {
		return nil, errNoText
	}
	return d.out, nil
}

// refusalCode is the code of a reason's row in the table. Whatever that says, it
// is never OK.
func refusalCode(reason access.Reason) codes.Code {
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(strconv.Quote(reason.Entry().Code))); err != nil || code == codes.OK {
		return codes.PermissionDenied
	}
	return code
}

// status writes a google.rpc.Status. A zero is written, too.
func (d *draft) status(code codes.Code) {
	status := d.begin(1)
	d.number(1, uint64(code))
	d.end(status)
}

// allowed writes an OkHttpResponse.
func (d *draft) allowed(call *Call, r *Reply, identity *[6]Header, names *Names, o *Options) {
	const headers, headersToRemove, responseHeadersToAdd, queryParametersToRemove = 2, 5, 6, 8
	for i := range identity {
		d.overwrite(headers, names.lower[i], identity[i].Value)
	}
	for _, name := range call.Carriers.headers() {
		d.text(headersToRemove, name)
	}
	switch {
	case !call.Carriers.Has(InCookie):
	case call.Cookies == "":
		d.text(headersToRemove, headerCookie)
	default:
		d.overwrite(headers, headerCookie, call.Cookies)
	}
	// The commonest other spelling is named in any case, as Envoy may have been told
	// not to show all headers.
	for i := range names.underscored {
		d.text(headersToRemove, names.underscored[i])
	}
	for _, name := range forged(call, names) {
		d.text(headersToRemove, name)
	}
	if call.Carriers.Has(InQuery) {
		d.text(queryParametersToRemove, o.CredentialQuery)
	}
	for _, h := range r.lifecycle() {
		d.overwrite(responseHeadersToAdd, strings.ToLower(h.Name), h.Value)
	}
	for _, h := range r.limitHeaders() {
		d.overwrite(responseHeadersToAdd, strings.ToLower(h.Name), h.Value)
	}
}

// forged names the client's headers that an upstream could take for identity
// headers, but for those that are overwritten or removed anyway.
func forged(call *Call, names *Names) []string {
	if len(call.Forged) == 0 {
		return nil
	}
	out := make([]string, 0, len(call.Forged))
	for _, name := range call.Forged {
		name = strings.ToLower(name)
		if !slices.Contains(names.lower[:], name) && !slices.Contains(names.underscored[:], name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// overwrite writes a HeaderValueOption that sets a header in place of the client's
// own, be it to nothing. append stays unset, as releases of Envoy that don't know
// append_action go by it.
func (d *draft) overwrite(field protowire.Number, name, value string) {
	option := d.begin(field)
	header := d.begin(1)
	d.text(1, name)
	if value != "" {
		d.text(2, value)
	}
	d.end(header)
	d.number(3, uint64(corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD))
	// keep_empty_value
	d.number(4, 1)
	d.end(option)
}

// denied writes a DeniedHttpResponse.
func (d *draft) denied(r *Reply, p *rest.Problem, body []byte, status int, names *Names) {
	const headers = 2
	code := d.begin(1)
	d.number(1, uint64(status)) //nolint:gosec // a status of the table
	d.end(code)
	d.overwrite(headers, "content-type", "application/problem+json")
	d.overwrite(headers, "cache-control", "no-store")
	d.overwrite(headers, strings.ToLower(HeaderReason), p.Reason)
	d.overwrite(headers, strings.ToLower(names.Decision), r.DecisionID)
	if status == http.StatusUnauthorized {
		d.overwrite(headers, "www-authenticate", p.Challenge())
	}
	if retry := r.retryAfter(); retry > 0 {
		d.overwrite(headers, "retry-after", strconv.FormatInt(wholeSeconds(retry), 10))
	}
	for _, h := range r.limitHeaders() {
		d.overwrite(headers, strings.ToLower(h.Name), h.Value)
	}
	d.text(3, string(body))
}
