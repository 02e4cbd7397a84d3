package gateway

// The headers by which a browser's preflight is known (Fetch standard, "CORS
// preflight").
const (
	headerOrigin          = "origin"
	headerPreflightMethod = "access-control-request-method"
)

// preflight gathers what makes a request a CORS preflight.
type preflight struct {
	origin, asked string
	// twice is true when more than one method is asked for, which no browser does.
	twice bool
}

func (p *preflight) ask(method string) {
	p.twice = p.twice || p.asked != ""
	p.asked = method
}

// method gives the method that is asked for; empty when it is no preflight. That
// the request's own method must be OPTIONS is looked at where it is read.
func (p *preflight) method() string {
	if p.origin == "" || p.twice {
		return ""
	}
	return p.asked
}
