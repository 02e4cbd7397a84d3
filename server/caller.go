package server

import (
	"context"
	"net/netip"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/rest"
	"github.com/keystile/keystile/storage"
)

// Caller is who makes a call. The zero Caller is nobody, and may do nothing.
type Caller struct {
	Grant  access.Grant
	Source netip.Addr
}

// ref names the caller's user.
func (c *Caller) ref() storage.UserRef {
	if c.Grant.Key == nil {
		return storage.UserRef{}
	}
	return c.Grant.Key.User()
}

// tenant is the caller's own tenant.
func (c *Caller) tenant() string { return c.ref().TenantID }

// may tells whether the caller holds a management permission.
func (c *Caller) may(permission string) bool {
	return permission != "" && c.Grant.Rights().Cover(permission)
}

// everywhere tells whether the caller may act in every tenant.
func (c *Caller) everywhere() bool {
	return c.tenant() == storage.SystemTenant && c.may(access.PermTenantsReach)
}

// credential reads the one credential of a call: Authorization with the Bearer
// scheme, or x-api-key. Two different ones are malformed, whatever their order.
func credential(md metadata.MD) access.Secret {
	found := ""
	for _, value := range md.Get(rest.MetadataAuthorization) {
		scheme, token, _ := strings.Cut(value, " ")
		token = strings.Trim(token, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" || found != "" && found != token {
			return malformed()
		}
		found = token
	}
	for _, value := range md.Get(rest.MetadataAPIKey) {
		if value == "" || found != "" && found != value {
			return malformed()
		}
		found = value
	}
	return access.ParseSecret(found)
}

// malformed is a credential that can't be a key.
func malformed() access.Secret { return access.ParseSecret(" ") }

// authenticate finds out who calls. It answers from memory, as checks do.
func (s *Service) authenticate(ctx context.Context, secret access.Secret, source netip.Addr) (Caller, error) {
	now := s.now()
	// The caller's records are kept for as long as the call runs: this answer's room is
	// its own.
	answer := &Answer{}
	fresh, err := s.freshEnough(ctx, now, 0)
	if err != nil {
		return Caller{}, err
	}
	if err := s.decide(ctx, &Question{Secret: secret, ClientIP: source}, now, fresh, answer); err != nil {
		return Caller{}, err
	}
	if !answer.Verdict.Allowed() {
		return Caller{}, s.unauthenticated(answer)
	}
	s.usage.note(&answer.Grant.Key.Secrets[answer.Grant.SecretIndex].Digest, now)
	return Caller{Grant: answer.Grant, Source: source}, nil
}

// confirm reads a caller's records anew from the store, and decides again. The
// copy in memory may be a moment behind a revocation made elsewhere, which is
// too long for a call that writes.
func (s *Service) confirm(ctx context.Context, c Caller) (Caller, error) {
	if c.Grant.Key == nil {
		return Caller{}, forbidden("nobody is calling", "")
	}
	grant, err := s.evidence(ctx, c.Grant.Key.ID)
	if err != nil {
		return Caller{}, err
	}
	presented := c.Grant.Secret().Digest
	grant.SecretIndex = -1
	for i := range grant.Key.Secrets {
		if grant.Key.Secrets[i].Digest == presented {
			grant.SecretIndex = i
		}
	}
	answer := Answer{Grant: grant}
	answer.Verdict = access.Decide(s.now(), &grant, &access.Request{Form: access.WellFormed, ClientIP: c.Source})
	if answer.DecisionID, err = newID(s.random, decisionIDPrefix); err != nil {
		return Caller{}, err
	}
	if !answer.Verdict.Allowed() {
		return Caller{}, s.unauthenticated(&answer)
	}
	return Caller{Grant: grant, Source: c.Source}, nil
}

// evidence reads from the store what stands around a key. What is missing there
// is missing in the Grant, which then is refused.
func (s *Service) evidence(ctx context.Context, keyID string) (access.Grant, error) {
	key, err := s.store.GetKey(ctx, keyID)
	if err != nil {
		return access.Grant{}, err //nolint:wrapcheck // the table of faults reads it
	}
	grant := access.Grant{Key: key}
	if grant.Tenant, err = s.store.GetTenant(ctx, key.TenantID); err != nil {
		return access.Grant{}, err //nolint:wrapcheck // the table of faults reads it
	}
	if grant.User, err = s.store.GetUser(ctx, key.User()); err != nil {
		return access.Grant{}, err //nolint:wrapcheck // the table of faults reads it
	}
	own, err := s.store.GetRoles(ctx, key.TenantID, grant.User.Roles)
	if err != nil {
		return access.Grant{}, err //nolint:wrapcheck // the table of faults reads it
	}
	grant.Roles = rolesOf(grant.User.Roles, own)
	return grant, nil
}

// rolesOf resolves role ids: built in, or of the tenant's own that were read.
func rolesOf(ids []string, own []*storage.Role) []access.Role {
	out := make([]access.Role, 0, len(ids))
	for _, id := range ids {
		if r, ok := access.BuiltInRole(id); ok {
			out = append(out, r)
			continue
		}
		for _, r := range own {
			if r.ID == id {
				out = append(out, access.RoleOf(r))
			}
		}
	}
	return out
}

// unauthenticated turns a refusal of the caller's own key into an error. Most
// are 401; a suspended tenant or a wrong network is 403, as the table says.
func (s *Service) unauthenticated(a *Answer) error {
	e := a.Verdict.Reason.Entry()
	code := codes.Unauthenticated
	if e.HTTPStatus == 403 {
		code = codes.PermissionDenied
	}
	return &Fault{
		Code: code, Reason: e.Name, Message: access.Message(a.Verdict, &a.Grant), Remedy: e.Remedy,
		DecisionID: a.DecisionID, DocumentationURL: s.documentation(a.Verdict.Reason),
	}
}

type callerKey struct{}

func withCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// callerFrom gives the caller that the interceptor found; nobody without one.
func callerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
