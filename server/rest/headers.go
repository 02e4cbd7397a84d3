package rest

import (
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"google.golang.org/grpc/metadata"
)

// The metadata that a call brings to the gRPC server. No other header of the
// client's becomes metadata.
const (
	// MetadataAuthorization is the client's Authorization header.
	MetadataAuthorization = "authorization"
	// MetadataAPIKey is the client's X-API-Key header.
	MetadataAPIKey = "x-api-key"
	// MetadataRequestID names the call in logs and answers.
	MetadataRequestID = "x-request-id"
	// MetadataSource is the address that the HTTP connection came from. The gRPC
	// server must believe it on the in-process connection alone.
	MetadataSource = "x-keystile-source"
	// MetadataCertificate says, by CertificateVerified, that the HTTP connection's
	// client has shown a certificate that was verified. It is believed where
	// MetadataSource is.
	MetadataCertificate = "x-keystile-certificate"
)

// CertificateVerified is the one value of MetadataCertificate.
const CertificateVerified = "verified"

const (
	headerRequestID = "X-Request-Id"
	headerTimeout   = "Grpc-Timeout"
	// maxCredential keeps an absurd header from hitting gRPC's own limit, whose
	// error would look like a fault of ours.
	maxCredential = 4 << 10
	maxTrace      = 512
	minTimeout    = time.Millisecond
	maxRequestID  = 128
)

// callMetadata reads the headers that are used, and refuses those it can't read
// in one way only. Everything else that the client sent is left behind.
func callMetadata(r *http.Request, requestID string) (metadata.MD, *Problem) {
	md := metadata.Pairs(MetadataRequestID, requestID)
	if source := sourceAddress(r.RemoteAddr); source != "" {
		md.Set(MetadataSource, source)
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		md.Set(MetadataCertificate, CertificateVerified)
	}
	for name, key := range map[string]string{"Authorization": MetadataAuthorization, "X-Api-Key": MetadataAPIKey} {
		value, given, p := single(r.Header, name, maxCredential)
		if p != nil {
			return nil, p
		}
		if given {
			md.Set(key, value)
		}
	}
	if len(r.Header.Values(headerRequestID)) > 0 && !printable(r.Header.Get(headerRequestID)) {
		return nil, invalid(headerRequestID, "must be printable ASCII")
	}
	return md, addTrace(md, r.Header)
}

// addTrace passes the W3C trace context on. A repeated or oversized one starts a
// new trace, as the standard wants; it is nothing to refuse a call for.
func addTrace(md metadata.MD, h http.Header) *Problem {
	for _, name := range []string{"Traceparent", "Tracestate"} {
		for _, v := range h.Values(name) {
			if !printable(v) {
				return invalid(name, "must be printable ASCII")
			}
		}
	}
	parent, state := h.Values("Traceparent"), h.Values("Tracestate")
	if len(parent) != 1 || len(parent[0]) > maxTrace {
		return nil
	}
	md.Set("traceparent", parent[0])
	total := 0
	for _, v := range state {
		total += len(v)
	}
	if len(state) > 0 && total <= maxTrace {
		md.Set("tracestate", state...)
	}
	return nil
}

// single reads a header that may stand once at most.
func single(h http.Header, name string, limit int) (value string, given bool, p *Problem) {
	values := h.Values(name)
	switch {
	case len(values) == 0:
		return "", false, nil
	case len(values) > 1:
		return "", false, invalid(name, "must be given once at most")
	case len(values[0]) > limit:
		return "", false, &Problem{
			Status: http.StatusRequestHeaderFieldsTooLarge,
			Reason: reasonHeaderTooLarge,
			Detail: "the header " + name + " has more than " + strconv.Itoa(limit) + " bytes",
		}
	case !printable(values[0]):
		return "", false, invalid(name, "must be printable ASCII")
	}
	return values[0], true, nil
}

// callTimeout reads Grpc-Timeout (digits and a unit, as gRPC has it), held
// between a millisecond and the longest allowed, which is also the default.
func callTimeout(h http.Header, longest time.Duration) (time.Duration, *Problem) {
	text, given, p := single(h, headerTimeout, maxTrace)
	if p != nil || !given {
		return longest, p
	}
	malformed := invalid(headerTimeout, "must be 1 to 8 digits and a unit of H, M, S, m, u, n, such as 500m")
	if len(text) < 2 || len(text) > 9 {
		return 0, malformed
	}
	unit, ok := map[byte]time.Duration{
		'H': time.Hour, 'M': time.Minute, 'S': time.Second,
		'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
	}[text[len(text)-1]]
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 32)
	if !ok || err != nil {
		return 0, malformed
	}
	// Eight digits of hours overflow a Duration.
	if time.Duration(n) > longest/unit {
		return longest, nil
	}
	return min(max(time.Duration(n)*unit, minTimeout), longest), nil
}

// requestIDOf takes the client's name for the call, or makes one.
func requestIDOf(h http.Header, generate func() string) string {
	values := h.Values(headerRequestID)
	if len(values) == 1 && validRequestID(values[0]) {
		return values[0]
	}
	return generate()
}

func validRequestID(s string) bool {
	if s == "" || len(s) > maxRequestID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		word := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !word && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// sourceAddress is the peer's address without its port; empty when the peer has
// none, as on a unix socket.
func sourceAddress(remote string) string {
	if peer, err := netip.ParseAddrPort(remote); err == nil {
		return peer.Addr().Unmap().WithZone("").String()
	}
	return ""
}

// printable is what gRPC takes as a metadata value without changing it.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
