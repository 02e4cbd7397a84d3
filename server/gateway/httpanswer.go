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

// WriteHTTP answers a gateway that asked over HTTP: 200 lets through, and nothing
// else does. Envoy's HTTP service takes 200 alone, never 204.
func WriteHTTP(w http.ResponseWriter, call *Call, r *Reply, names *Names) {
	h := w.Header()
	if !r.Verdict.Allowed() {
		writeRefusal(w, call, r, names)
		return
	}
	identity := r.identity(names)
	values := make([]string, len(identity)+2)
	set := func(i int, name, value string) {
		values[i] = value
		h[name] = values[i : i+1 : i+1]
	}
	for i := range identity {
		set(i, names.canonical[i], identity[i].Value)
	}
	set(len(identity), "Cache-Control", "no-store")
	set(len(identity)+1, "Content-Length", "0")
	for _, header := range r.lifecycle() {
		h[header.Name] = []string{header.Value}
	}
	w.WriteHeader(http.StatusOK)
}

func writeRefusal(w http.ResponseWriter, call *Call, r *Reply, names *Names) {
	status := call.Binding.statusFor(r.status())
	if status != r.status() {
		w.Header().Set(HeaderStatus, strconv.Itoa(r.status()))
	}
	p := r.problem(status)
	w.Header().Set(HeaderReason, p.Reason)
	w.Header().Set(names.Decision, r.DecisionID)
	p.Write(w)
}

// statusFor gives the status that a gateway is told in place of the one meant.
func (b *Binding) statusFor(meant int) int {
	if meant == http.StatusTooManyRequests && b.RefuseLimitsAs403 {
		return http.StatusForbidden
	}
	return meant
}

// WriteUndecided answers a gateway that nothing could be decided: 503, whatever
// the problem's own status is, and never an answer that lets through.
func WriteUndecided(w http.ResponseWriter, p rest.Problem) {
	p.Status = http.StatusServiceUnavailable
	p.Title = ""
	w.Header().Set(HeaderReason, p.Reason)
	p.Write(w)
}

// RemoveUpstream tells Envoy's HTTP service which of the client's headers must
// not go on: those that held the credential, and a gateway's own key.
func RemoveUpstream(w http.ResponseWriter, call *Call) {
	remove := append(call.Carriers.headers(), strings.ToLower(HeaderCaller))
	w.Header().Set(headerRemove, strings.Join(remove, ", "))
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
