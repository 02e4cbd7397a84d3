package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

const tenantMask = "displayName, secretPrefix, keyPolicy, hosts, rateLimits and quotas"

// GetTenant reads one tenant.
func (d *DirectoryServer) GetTenant(ctx context.Context, req *pb.GetTenantRequest) (*pb.GetTenantResponse, error) {
	var v violations
	v.id("id", req.GetId(), validTenantID, tenantIDForm)
	if err := v.err(); err != nil {
		return nil, err
	}
	if err := d.service.reach(ctx, req.GetId(), "tenant"); err != nil {
		return nil, err
	}
	t, err := d.service.store.GetTenant(ctx, req.GetId())
	if err != nil {
		return nil, tenantFault(err)
	}
	return &pb.GetTenantResponse{Tenant: tenantToProto(t)}, nil
}

// ListTenants pages through the tenants that the caller may act in.
func (d *DirectoryServer) ListTenants(ctx context.Context, req *pb.ListTenantsRequest) (*pb.ListTenantsResponse, error) {
	s, c := d.service, callerFrom(ctx)
	var v violations
	out := &pb.ListTenantsResponse{}
	var err error
	out.Tenants, out.NextPageToken, err = list(ctx, s, &v, req, listing[*storage.Tenant, *pb.Tenant]{
		query: []string{"tenants", c.tenant(), fmt.Sprint(req.GetShowDeleted())},
		fetch: func(ctx context.Context, after cursor, limit int) ([]*storage.Tenant, error) {
			if c.everywhere() {
				return s.store.ListTenants(ctx, storage.PageQuery{ShowDeleted: req.GetShowDeleted(), After: after.ID, Limit: limit})
			}
			if after.ID != "" {
				return nil, nil
			}
			own, err := s.store.GetTenant(ctx, c.tenant())
			return []*storage.Tenant{own}, err
		},
		show:  each(tenantToProto),
		place: func(t *storage.Tenant) cursor { return cursor{ID: t.ID} },
	})
	return out, err
}

// CreateTenant adds a tenant; the operator alone may.
func (d *DirectoryServer) CreateTenant(ctx context.Context, req *pb.CreateTenantRequest) (*pb.CreateTenantResponse, error) {
	s, in := d.service, req.GetTenant()
	var v violations
	v.requestID(req.GetRequestId())
	v.id("tenant.id", in.GetId(), validTenantID, tenantIDForm)
	tenantOutputOnly(&v, in)
	t := &storage.Tenant{ID: in.GetId(), State: storage.TenantActive}
	readTenantFields(&v, in, t, nil)
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.operator(ctx, access.PermTenantsCreate, "tenants are created")
	if err != nil {
		return nil, err
	}
	if err := s.neverUsed(ctx, t.ID); err != nil {
		return nil, err
	}
	out := &pb.CreateTenantResponse{}
	w := &directoryWrite{
		service: s, caller: caller, requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermTenantsCreate, target: tenantTarget(t.ID),
	}
	r, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		row := *t
		if err := claimHosts(tx, row.ID, row.Hosts); err != nil {
			return changed{}, err
		}
		if err := tx.CreateTenant(&row); err != nil {
			return changed{}, fmt.Errorf("creating the tenant: %w", err)
		}
		out.Tenant = tenantToProto(&row)
		return changed{after: out.GetTenant()}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// neverUsed refuses the id of a tenant that was purged: its audit trail is still
// there, and is not the new tenant's to read or to continue.
func (s *Service) neverUsed(ctx context.Context, id string) error {
	if _, err := s.store.GetTenant(ctx, id); !errors.Is(err, storage.ErrNotFound) {
		// Who is there already is the store's to tell, and the request id's.
		return nil
	}
	head, err := s.store.AuditHead(ctx, id)
	if err != nil {
		return fmt.Errorf("looking for an earlier tenant of this id: %w", err)
	}
	if head.Sequence > 0 {
		return &Fault{Code: codes.AlreadyExists, Reason: reasonExists,
			Message: "a tenant of this id was purged, and its audit trail remains; choose another id"}
	}
	return nil
}

// UpdateTenant changes what a mask names; hosts are the operator's to set.
func (d *DirectoryServer) UpdateTenant(ctx context.Context, req *pb.UpdateTenantRequest) (*pb.UpdateTenantResponse, error) {
	s, in := d.service, req.GetTenant()
	var v violations
	v.requestID(req.GetRequestId())
	v.id("tenant.id", in.GetId(), validTenantID, tenantIDForm)
	mask := readMask(&v, req.GetUpdateMask().GetPaths(), limitsGiven(map[string]bool{
		"display_name": in.GetDisplayName() != "", "secret_prefix": in.GetSecretPrefix() != "",
		"key_policy": in.GetKeyPolicy() != nil, "hosts": len(in.GetHosts()) > 0,
	}, in), tenantMask)
	readTenantFields(&v, in, &storage.Tenant{}, mask)
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.confirmed(ctx, access.PermTenantsUpdate)
	if err != nil {
		return nil, err
	}
	if err := s.reach(withCaller(ctx, caller), in.GetId(), "tenant"); err != nil {
		return nil, err
	}
	if mask["hosts"] && !caller.everywhere() {
		return nil, s.refuse(ctx, caller, methodFrom(ctx), forbidden(
			"hosts are set by the operator alone", "Ask an admin of the tenant \"system\" to set them."))
	}
	if err := s.tenantLimitsInReach(ctx, &caller, mask); err != nil {
		return nil, err
	}
	out := &pb.UpdateTenantResponse{}
	w := &directoryWrite{
		service: s, caller: caller, requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermTenantsUpdate, target: tenantTarget(in.GetId()),
	}
	r, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		return s.updateTenant(tx, req, mask, out)
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

func (s *Service) updateTenant(tx storage.Tx, req *pb.UpdateTenantRequest, mask map[string]bool, out *pb.UpdateTenantResponse) (changed, error) {
	in := req.GetTenant()
	var v violations
	var wanted storage.Tenant
	readTenantFields(&v, in, &wanted, mask)
	if mask["hosts"] {
		if err := claimHosts(tx, in.GetId(), wanted.Hosts); err != nil {
			return changed{}, err
		}
	}
	t, err := liveTenant(tx, in.GetId(), req.GetEtag())
	if err != nil {
		return changed{}, err
	}
	before := tenantToProto(t)
	readTenantFields(&v, in, t, mask)
	if p := t.KeyPolicy.AllowedPrefixes; len(p) > 0 && !slices.Contains(p, t.SecretPrefix) {
		v.add("tenant.secretPrefix", "must be among the policy's allowedPrefixes")
	}
	if mask["hosts"] {
		if err := hostsCoverRoutes(tx, t, &v); err != nil {
			return changed{}, err
		}
	}
	if err := v.err(); err != nil {
		return changed{}, err
	}
	if err := tx.UpdateTenant(t); err != nil {
		return changed{}, fmt.Errorf("changing the tenant: %w", err)
	}
	out.Tenant = tenantToProto(t)
	return changed{before: before, after: out.GetTenant()}, nil
}

// liveTenant reads and locks a tenant that is not deleted.
func liveTenant(tx storage.Tx, id, givenEtag string) (*storage.Tenant, error) {
	t, err := tx.GetTenant(id)
	if err != nil {
		return nil, tenantFault(err)
	}
	if t.State == storage.TenantDeleted {
		return nil, notFound("tenant")
	}
	return t, wantEtag(givenEtag, t.Version)
}

func tenantTarget(id string) auditTarget {
	return auditTarget{Kind: "tenant", TenantID: id, ID: id}
}

func tenantOutputOnly(v *violations, in *pb.Tenant) {
	if in.GetState() != pb.Tenant_STATE_UNSPECIFIED || in.GetEtag() != "" || in.GetCreateTime() != nil ||
		in.GetUpdateTime() != nil || in.GetDeleteTime() != nil {
		v.add("tenant", "holds a field that the server sets: state, etag, createTime, updateTime, deleteTime")
	}
}

// readTenantFields checks and sets the fields that a mask names; nil is all.
func readTenantFields(v *violations, in *pb.Tenant, into *storage.Tenant, mask map[string]bool) {
	if mask == nil || mask["display_name"] {
		v.text("tenant.displayName", in.GetDisplayName(), maxName)
		into.DisplayName = in.GetDisplayName()
	}
	if mask == nil || mask["secret_prefix"] {
		into.SecretPrefix = in.GetSecretPrefix()
		if into.SecretPrefix == "" {
			into.SecretPrefix = access.DefaultPrefix
		}
		if !access.ValidPrefix(into.SecretPrefix) {
			v.add("tenant.secretPrefix", prefixForm)
		}
	}
	if mask == nil || mask["key_policy"] {
		into.KeyPolicy = readKeyPolicy(v, in.GetKeyPolicy())
		if p := into.KeyPolicy.AllowedPrefixes; mask == nil && len(p) > 0 && !slices.Contains(p, into.SecretPrefix) {
			v.add("tenant.secretPrefix", "must be among the policy's allowedPrefixes")
		}
	}
	if mask == nil || mask["hosts"] {
		into.Hosts = readHosts(v, "tenant.hosts", in.GetHosts())
	}
	readLimits(v, "tenant.", in, &into.Limits, mask)
}

const prefixForm = "must be 1 to 16 lower-case letters, digits and '_', beginning with a letter and not with \"keystile\""

func readHosts(v *violations, field string, in []string) []string {
	if len(in) > maxHosts {
		v.add(field, "must hold at most %d hosts", maxHosts)
		return nil
	}
	var out []string
	for i, text := range in {
		host, ok := access.NormalHostPattern(text)
		if !ok {
			v.add(fmt.Sprintf("%s[%d]", field, i), "must be a host name, *.suffix or *, without a port")
			continue
		}
		if !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	return out
}

// claimHosts refuses hosts that overlap another tenant's: whoever owned both
// could decide the other's traffic. Claims come one after another.
func claimHosts(tx storage.Tx, tenantID string, hosts []string) error {
	if len(hosts) == 0 {
		return nil
	}
	owned, err := tx.LockHosts()
	if err != nil {
		return fmt.Errorf("reading hosts: %w", err)
	}
	var v violations
	for i, host := range hosts {
		for owner, theirs := range owned {
			if owner != tenantID && slices.ContainsFunc(theirs, func(h string) bool { return access.HostsOverlap(host, h) }) {
				v.add(fmt.Sprintf("tenant.hosts[%d]", i), "overlaps a host of another tenant; a deleted tenant's are free once it is purged")
				break
			}
		}
	}
	return v.err()
}

// hostsCoverRoutes refuses to take away hosts that routes still name.
func hostsCoverRoutes(tx storage.Tx, t *storage.Tenant, v *violations) error {
	apis, err := tx.ListTenantAPIs(t.ID)
	if err != nil {
		return fmt.Errorf("reading the tenant's APIs: %w", err)
	}
	for _, api := range apis {
		for _, route := range api.Routes {
			if !hostsInside(route.Hosts, t.Hosts) {
				v.add("tenant.hosts", "would leave routes of the API %s without their host; change those first", api.ID)
				break
			}
		}
	}
	return nil
}

// hostsInside tells whether a route's hosts lie inside its tenant's. The host
// "*" is every host that leads to the tenant, however few.
func hostsInside(route, tenant []string) bool {
	for _, h := range route {
		if h != "*" && !slices.ContainsFunc(tenant, func(t string) bool { return access.HostCovers(t, h) }) {
			return false
		}
	}
	return true
}
