package server

import (
	"context"
	"fmt"
	"net/netip"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/rest"
)

// The metadata that the REST facade adds to a call. The source and the
// certificate are believed on the in-process connection alone.
const (
	mdSource      = rest.MetadataSource
	mdCertificate = rest.MetadataCertificate
	mdRequestID   = rest.MetadataRequestID
)

// authorize lets a call pass to its handler only when the policy of its method
// does. It runs on every unary call, and what it does not know it refuses.
func (s *Service) authorize(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	p := policies[info.FullMethod]
	if p.open || p.check && s.checkAuth == CheckAuthNone {
		return next(ctx, req)
	}
	md, _ := metadata.FromIncomingContext(ctx)
	if p.check && s.checkAuth == CheckAuthMTLS {
		// The listener asks for the certificate already. A listener that does not
		// must not open the doors.
		if !certificateVerified(ctx, md) {
			return nil, errNoCertificate
		}
		return next(ctx, req)
	}
	caller, err := s.authenticate(ctx, credential(md), sourceAddress(ctx, md))
	if err != nil {
		return nil, err
	}
	ctx = withCaller(ctx, caller)
	noteCaller(ctx, &caller)
	if p.caller {
		return next(ctx, req)
	}
	permission := ""
	switch {
	case p.check:
		permission = access.PermKeysCheck
	case p.permission != nil:
		permission = p.permission(req)
	}
	if !caller.may(permission) {
		return nil, s.refuse(ctx, caller, info.FullMethod, lacks(permission))
	}
	return next(ctx, req)
}

// lacks is the fault of a caller without a permission.
func lacks(permission string) *Fault {
	return forbidden(
		fmt.Sprintf("the caller's key does not hold the permission %s", permission),
		"Use the key of a user whose roles hold it; a key with scopes needs it among them by name.")
}

// refuse notes for the audit trail that a known caller was refused, and gives
// the error back.
func (s *Service) refuse(ctx context.Context, c Caller, method string, f error) error {
	if !s.refusals.note(s.now(), c, method, faultOf(f).Reason, requestIDFrom(ctx)) {
		s.metrics.refusalsDropped.Inc()
	}
	return f
}

// reach wants a tenant that the caller may act in. Every other one does not
// exist, as far as the caller can tell.
func (s *Service) reach(ctx context.Context, tenantID, what string) error {
	c := callerFrom(ctx)
	if c.Grant.Reaches(tenantID) {
		return nil
	}
	return s.refuse(ctx, c, methodFrom(ctx), notFound(what))
}

// sourceAddress gives the network address of whoever calls: the peer's, or what
// the REST facade says when it is the peer.
func sourceAddress(ctx context.Context, md metadata.MD) netip.Addr {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return netip.Addr{}
	}
	if inProcess(p) {
		if v := md.Get(mdSource); len(v) == 1 {
			addr, _ := netip.ParseAddr(v[0])
			return addr.Unmap()
		}
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(p.Addr.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// certificateVerified tells whether whoever calls has shown a client certificate
// that was verified: on the connection of the call, or on that of the REST facade
// when it is the peer.
func certificateVerified(ctx context.Context, md metadata.MD) bool {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return false
	}
	if inProcess(p) {
		v := md.Get(mdCertificate)
		return len(v) == 1 && v[0] == rest.CertificateVerified
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	return ok && len(info.State.VerifiedChains) > 0
}

// inProcess tells whether a call came over the connection inside this process.
func inProcess(p *peer.Peer) bool { return p.Addr.Network() == "bufconn" }
