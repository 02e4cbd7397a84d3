package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/keystile/keystile/server/rest"
)

// The headers of refusals that gateways pass on, or hand to their log.
const (
	HeaderReason = "X-Keystile-Reason"
	// HeaderStatus is the status that was meant, when a gateway that knows no
	// other refusals is told 403.
	HeaderStatus = "X-Keystile-Status"
	// headerRemove is how Envoy's HTTP service is told what not to send upstream.
	headerRemove = "X-Envoy-Auth-Headers-To-Remove"
)

// HTTPAnswer is what a gateway that asked over HTTP is told, whoever writes it on
// the connection. The zero HTTPAnswer says that nothing was decided.
type HTTPAnswer struct {
	// Status is the HTTP status; 0 is 503.
	Status int
	// Headers are all but those that every answer has, Date and Content-Length, with
	// names as net/http writes them, each once.
	Headers []Header
	Body    []byte
}

// AnswerHTTP words a decided call for a gateway that asked over HTTP: 200 lets
// through, and nothing else does. Envoy's HTTP service takes 200 alone, never 204.
func AnswerHTTP(a *HTTPAnswer, call *Call, r *Reply, names *Names) {
	if !r.Verdict.Allowed() {
		a.refuse(call, r, names)
		return
	}
	identity := r.identity(names)
	for i := range identity {
		a.add(names.canonical[i], identity[i].Value)
	}
	a.add("Cache-Control", "no-store")
	a.Headers = append(a.Headers, r.lifecycle()...)
	a.Headers = append(a.Headers, r.limitHeaders()...)
	a.Status = http.StatusOK
}

func (a *HTTPAnswer) refuse(call *Call, r *Reply, names *Names) {
	status := call.Binding.statusFor(r.status())
	if status != r.status() {
		a.add(HeaderStatus, strconv.Itoa(r.status()))
	}
	p := r.problem(status)
	a.add(HeaderReason, p.Reason)
	a.add(names.canonical[decisionName], r.DecisionID)
	a.Headers = append(a.Headers, r.limitHeaders()...)
	a.Body, a.Status = p.Answer(a.add)
}

func (a *HTTPAnswer) add(name, value string) {
	a.Headers = append(a.Headers, Header{Name: name, Value: value})
}

// Reset empties the answer, and keeps its room.
func (a *HTTPAnswer) Reset() { *a = HTTPAnswer{Headers: a.Headers[:0]} }

// StatusCode is the status that is sent.
func (a *HTTPAnswer) StatusCode() int {
	if a.Status == 0 {
		return http.StatusServiceUnavailable
	}
	return a.Status
}

// Write sends the answer by net/http.
func (a *HTTPAnswer) Write(w http.ResponseWriter) {
	h := w.Header()
	values := make([]string, len(a.Headers))
	for i := range a.Headers {
		values[i] = a.Headers[i].Value
		h[a.Headers[i].Name] = values[i : i+1 : i+1]
	}
	h["Content-Length"] = []string{strconv.Itoa(len(a.Body))}
	w.WriteHeader(a.StatusCode())
	if len(a.Body) > 0 {
		// An error here means that the gateway is gone: there is nobody to tell.
		_, _ = w.Write(a.Body)
	}
}

// statusFor gives the status that a gateway is told in place of the one meant.
func (b *Binding) statusFor(meant int) int {
	if meant == http.StatusTooManyRequests && b.RefuseLimitsAs403 {
		return http.StatusForbidden
	}
	return meant
}

// AnswerUndecided tells a gateway that nothing could be decided: 503, whatever
// the problem's own status is, and never an answer that lets through.
func AnswerUndecided(a *HTTPAnswer, p rest.Problem) {
	p.Status = http.StatusServiceUnavailable
	p.Title = ""
	a.Reset()
	a.add(HeaderReason, p.Reason)
	a.Body, a.Status = p.Answer(a.add)
}

// RemoveUpstream tells Envoy's HTTP service which of the client's headers must
// not go on: those that held the credential, and a gateway's own key.
func RemoveUpstream(a *HTTPAnswer, call *Call) {
	remove := append(call.Carriers.headers(), strings.ToLower(HeaderCaller))
	a.add(headerRemove, strings.Join(remove, ", "))
}

// headers names the headers that held the credential alone. A cookie stands in
// one header with others, which have to stay.
func (c Carriers) headers() []string {
	out := make([]string, 0, 3)
	if c.Has(InAuthorization) {
		out = append(out, headerAuthorization)
	}
	if c.Has(InAPIKey) {
		out = append(out, headerAPIKey)
	}
	return out
}
