package server

import (
	"context"
	"net/netip"

	"google.golang.org/grpc/codes"

	"github.com/keystile/keystile/server/access"
)

// gatewayMayAsk finds out who asks at a check door over HTTP, by the key it
// presents as its own or by its verified client certificate, whichever the
// service wants. Nobody is an answer where everybody may ask.
func (s *Service) gatewayMayAsk(ctx context.Context, secret access.Secret, source netip.Addr, verified bool) (Caller, error) {
	switch s.checkAuth {
	case CheckAuthNone:
		return Caller{Source: source}, nil
	case CheckAuthMTLS:
		if !verified {
			return Caller{}, errNoCertificate
		}
		return Caller{Source: source}, nil
	default:
		c, err := s.authenticate(ctx, secret, source)
		if err != nil {
			return Caller{}, err
		}
		if !c.may(access.PermKeysCheck) {
			return Caller{}, lacks(access.PermKeysCheck)
		}
		return c, nil
	}
}

// errNoCertificate: the caller has to show a client certificate, and did not.
var errNoCertificate = &Fault{
	Code: codes.Unauthenticated, Reason: "CLIENT_CERTIFICATE_REQUIRED",
	Message: "whoever asks about keys here has to show a client certificate",
	Remedy:  "Connect with a certificate of an authority that --tls-client-ca-file names.",
}
