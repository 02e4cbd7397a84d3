package gateway

import (
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// decodeQuestion decodes a question as generated code does, once text that is no
// UTF-8 is marked.
func decodeQuestion(wire []byte) (*authv3.CheckRequest, error) {
	q := &authv3.CheckRequest{}
	err := proto.Unmarshal(wire, q)
	if err == nil {
		return q, nil
	}
	wire = slices.Clone(wire)
	if !markBadText(wire, q.ProtoReflect().Descriptor(), 16) {
		return nil, err
	}
	proto.Reset(q)
	return q, proto.Unmarshal(wire, q)
}

// decodedCall is what ReadEnvoy has to make of a question, made the plain way.
func decodedCall(req *authv3.CheckRequest, o *Options, names *Names) (Call, error) {
	attributes := req.GetAttributes()
	binding, err := bindingOf(attributes.GetContextExtensions())
	if err != nil {
		return Call{}, err
	}
	call := Call{Binding: binding, ClientIP: socketAddress(attributes.GetSource().GetAddress())}
	request := attributes.GetRequest().GetHttp()
	call.HTTP.Method, call.HTTP.Host, call.HTTP.Path = request.GetMethod(), request.GetHost(), request.GetPath()

	headers := decodedHeaders{call: &call, options: o, names: names}
	for name, value := range request.GetHeaders() {
		headers.read(name, value, true)
	}
	for _, h := range request.GetHeaderMap().GetHeaders() {
		if raw := h.GetRawValue(); len(raw) > 0 {
			headers.read(h.GetKey(), string(raw), false)
		} else {
			headers.read(h.GetKey(), h.GetValue(), false)
		}
	}
	if headers.altered {
		call.HTTP.Path = unreadable
	}
	headers.credential.query(call.HTTP.Path, o.CredentialQuery)
	if query := request.GetQuery(); query != "" {
		// Envoy leaves it empty; some others put the query here.
		headers.credential.query("?"+query, o.CredentialQuery)
	}
	call.Secret, call.Carriers = headers.credential.secret(), headers.credential.carriers
	call.HTTP.Preflight = headers.preflight.method()
	call.bind()
	return call, nil
}

// decodedHeaders gathers what is of use in a client's headers.
type decodedHeaders struct {
	call       *Call
	options    *Options
	names      *Names
	credential credential
	preflight  preflight
	// altered is true when a pseudo-header is not what the request is said to be.
	altered bool
}

func (e *decodedHeaders) read(name, value string, fromMap bool) {
	switch {
	case strings.HasPrefix(name, ":"):
		e.altered = e.altered || !fromMap && value != e.told(name, value) && !utf8.ValidString(value)
	case strings.EqualFold(name, headerAuthorization):
		e.list(value, fromMap, e.credential.authorization)
	case strings.EqualFold(name, headerAPIKey):
		e.list(value, fromMap, e.credential.apiKey)
	case strings.EqualFold(name, headerCookie) && e.options.CredentialCookie != "":
		rest := e.credential.cookie(value, e.options.CredentialCookie)
		e.call.Cookies = strings.Trim(e.call.Cookies+"; "+rest, "; ")
	case strings.EqualFold(name, headerOrigin):
		e.preflight.origin = value
	case strings.EqualFold(name, headerPreflightMethod):
		e.preflight.ask(value)
	case e.names.Forges(name):
		e.call.Forged = append(e.call.Forged, name)
	}
}

// told gives what the request is said to have for a pseudo-header, whose value is
// given for those that don't matter. Where text is wanted, Envoy writes '!' for
// each byte that is no UTF-8: only the raw headers show what it will send on, and
// what is judged must be that.
func (e *decodedHeaders) told(name, value string) string {
	switch name {
	case ":method":
		return e.call.HTTP.Method
	case ":authority":
		return e.call.HTTP.Host
	case ":path":
		return e.call.HTTP.Path
	}
	return value
}

func (e *decodedHeaders) list(value string, fromMap bool, read func(string)) {
	if fromMap {
		joined(value, read)
		return
	}
	read(value)
}

// socketAddress gives the client's address; a peer on a pipe has none.
func socketAddress(a *corev3.Address) netip.Addr {
	addr, err := netip.ParseAddr(a.GetSocketAddress().GetAddress())
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

func bindingOf(extensions map[string]string) (Binding, error) {
	b := Binding{Cost: 1}
	var seen uint8
	for name, value := range extensions {
		if name == "keyTenant" {
			name = ""
		}
		if err := b.bind(name, value, &seen); err != nil {
			return Binding{}, err
		}
	}
	return b, nil
}

// markBadText writes a NUL over each byte of a message's strings that is no UTF-8.
// It is false when the bytes are no message at all.
func markBadText(raw []byte, d protoreflect.MessageDescriptor, depth int) bool {
	if depth == 0 {
		return false
	}
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return false
		}
		raw = raw[n:]
		n = protowire.ConsumeFieldValue(number, kind, raw)
		if n < 0 {
			return false
		}
		field := d.Fields().ByNumber(number)
		if kind == protowire.BytesType && field != nil {
			content, _ := protowire.ConsumeBytes(raw)
			switch field.Kind() {
			case protoreflect.StringKind:
				markBytes(content)
			case protoreflect.MessageKind:
				if !markBadText(content, field.Message(), depth-1) {
					return false
				}
			default:
			}
		}
		raw = raw[n:]
	}
	return true
}

func markBytes(text []byte) {
	if utf8.Valid(text) {
		return
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			text[i] = 0
		}
		i += size
	}
}
