package server

import (
	"context"
	"fmt"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

const (
	apiMask   = "displayName, visibility, subscriptionRequired, allowPreflight, routes, rateLimits and quotas"
	apiIDForm = "1 to 63 lower-case letters, digits, '_' and '-', beginning with a letter and not with \"keystile\""
)

// GetApi reads one API.
func (d *DirectoryServer) GetApi(ctx context.Context, req *pb.GetApiRequest) (*pb.GetApiResponse, error) {
	c := callerFrom(ctx)
	ref := storage.APIRef{TenantID: c.ownOr(req.GetTenantId()), ID: req.GetId()}
	if err := d.nameAPI(ctx, "id", ref); err != nil {
		return nil, err
	}
	a, err := d.service.store.GetAPI(ctx, ref)
	if err != nil {
		return nil, namedNotFound(err, "api")
	}
	return &pb.GetApiResponse{Api: apiToProto(a)}, nil
}

func (d *DirectoryServer) nameAPI(ctx context.Context, field string, ref storage.APIRef) error {
	var v violations
	v.id(field, ref.ID, access.ValidAPIID, apiIDForm)
	v.id("tenantId", ref.TenantID, validTenantID, tenantIDForm)
	if err := v.err(); err != nil {
		return err
	}
	return d.service.reach(ctx, ref.TenantID, "api")
}

// ListApis pages through a tenant's APIs.
func (d *DirectoryServer) ListApis(ctx context.Context, req *pb.ListApisRequest) (*pb.ListApisResponse, error) {
	s := d.service
	var v violations
	tenant, err := s.listedTenant(ctx, &v, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	out := &pb.ListApisResponse{}
	out.Apis, out.NextPageToken, err = list(ctx, s, &v, req, listing[*storage.API, *pb.Api]{
		query: []string{"apis", tenant},
		fetch: func(ctx context.Context, after cursor, limit int) ([]*storage.API, error) {
			return s.store.ListAPIs(ctx, storage.PageQuery{TenantID: tenant, After: after.ID, Limit: limit})
		},
		show:  each(apiToProto),
		place: func(a *storage.API) cursor { return cursor{ID: a.ID} },
	})
	return out, err
}

// CreateApi adds an API with its routes.
func (d *DirectoryServer) CreateApi(ctx context.Context, req *pb.CreateApiRequest) (*pb.CreateApiResponse, error) {
	s, in := d.service, req.GetApi()
	var v violations
	v.requestID(req.GetRequestId())
	v.id("api.id", in.GetId(), access.ValidAPIID, apiIDForm)
	if in.GetTenantId() != "" {
		v.id("api.tenantId", in.GetTenantId(), validTenantID, tenantIDForm)
	}
	if in.GetState() != pb.Api_STATE_UNSPECIFIED || in.GetDeprecateTime() != nil || in.GetSunsetTime() != nil ||
		in.GetEtag() != "" || in.GetCreateTime() != nil || in.GetUpdateTime() != nil {
		v.add("api", "holds a field that the server sets: state, deprecateTime, sunsetTime, etag, createTime, updateTime")
	}
	a := &storage.API{ID: in.GetId(), State: storage.APIPublished}
	readAPIFields(&v, in, a, nil)
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.confirmed(ctx, access.PermAPIsCreate)
	if err != nil {
		return nil, err
	}
	if a.TenantID, err = s.tenantOrOwn(ctx, &caller, in.GetTenantId(), "api.tenantId"); err != nil {
		return nil, err
	}
	out := &pb.CreateApiResponse{}
	w := &directoryWrite{
		service: s, caller: caller, requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermAPIsCreate, target: apiTarget(a.Ref()),
	}
	r, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		row := *a
		t, err := liveTenant(tx, a.TenantID, "")
		if err != nil {
			return changed{}, err
		}
		if err := routesFit(tx, t, &row); err != nil {
			return changed{}, err
		}
		if err := tx.CreateAPI(&row); err != nil {
			return changed{}, fmt.Errorf("creating the API: %w", err)
		}
		out.Api = apiToProto(&row)
		return changed{after: out.GetApi()}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// apiChange is a call that changes an API.
type apiChange struct {
	req, reply message
	// ref names the API, in the request's field; an empty tenant is the caller's own.
	ref        storage.APIRef
	field      string
	etag       string
	requestID  string
	dryRun     bool
	permission string
	change     func(tx storage.Tx, t *storage.Tenant, a *storage.API, now time.Time) (note string, err error)
	show       func(*pb.Api)
}

func (d *DirectoryServer) changeAPI(ctx context.Context, c apiChange) (receipt, error) {
	s := d.service
	caller, err := s.confirmed(ctx, c.permission)
	if err != nil {
		return receipt{}, err
	}
	c.ref.TenantID = caller.ownOr(c.ref.TenantID)
	if err := d.nameAPI(withCaller(ctx, caller), c.field, c.ref); err != nil {
		return receipt{}, err
	}
	w := &directoryWrite{
		service: s, caller: caller, requestID: c.requestID, dryRun: c.dryRun, request: c.req, reply: c.reply,
		action: c.permission, target: apiTarget(c.ref),
	}
	return w.run(ctx, func(tx storage.Tx, now time.Time) (changed, error) {
		t, a, err := liveAPI(tx, c.ref, c.etag)
		if err != nil {
			return changed{}, err
		}
		before := apiToProto(a)
		note, err := c.change(tx, t, a, now)
		if err != nil || note != "" {
			c.show(before)
			return changed{note: note}, err
		}
		if err := tx.UpdateAPI(a); err != nil {
			return changed{}, fmt.Errorf("changing the API: %w", err)
		}
		after := apiToProto(a)
		c.show(after)
		return changed{before: before, after: after}, nil
	})
}

// liveAPI locks an API's tenant and then reads it.
func liveAPI(tx storage.Tx, ref storage.APIRef, givenEtag string) (*storage.Tenant, *storage.API, error) {
	t, err := liveTenant(tx, ref.TenantID, "")
	if err != nil {
		return nil, nil, namedNotFound(err, "api")
	}
	a, err := tx.GetAPI(ref)
	if err != nil {
		return nil, nil, namedNotFound(fmt.Errorf("reading the API: %w", err), "api")
	}
	return t, a, wantEtag(givenEtag, a.Version)
}

// UpdateApi changes what a mask names.
func (d *DirectoryServer) UpdateApi(ctx context.Context, req *pb.UpdateApiRequest) (*pb.UpdateApiResponse, error) {
	in := req.GetApi()
	var v violations
	v.requestID(req.GetRequestId())
	mask := readMask(&v, req.GetUpdateMask().GetPaths(), limitsGiven(map[string]bool{
		"display_name": in.GetDisplayName() != "", "visibility": in.GetVisibility() != pb.Api_VISIBILITY_UNSPECIFIED,
		"subscription_required": in.GetSubscriptionRequired(), "allow_preflight": in.GetAllowPreflight(),
		"routes": len(in.GetRoutes()) > 0,
	}, in), apiMask)
	readAPIFields(&v, in, &storage.API{ID: in.GetId()}, mask)
	if err := v.err(); err != nil {
		return nil, err
	}
	out := &pb.UpdateApiResponse{}
	r, err := d.changeAPI(ctx, apiChange{
		req: req, reply: out, ref: storage.APIRef{TenantID: in.GetTenantId(), ID: in.GetId()}, field: "api.id", etag: req.GetEtag(),
		requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), permission: access.PermAPIsUpdate,
		change: func(tx storage.Tx, t *storage.Tenant, a *storage.API, _ time.Time) (string, error) {
			var v violations
			readAPIFields(&v, in, a, mask)
			if err := v.err(); err != nil {
				return "", err
			}
			return "", routesFit(tx, t, a)
		},
		show: func(a *pb.Api) { out.Api = a },
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// DeprecateApi announces the end of an API.
func (d *DirectoryServer) DeprecateApi(ctx context.Context, req *pb.DeprecateApiRequest) (*pb.DeprecateApiResponse, error) {
	var v violations
	sunset := readTime(&v, "sunsetTime", req.GetSunsetTime())
	if err := v.err(); err != nil {
		return nil, err
	}
	out := &pb.DeprecateApiResponse{}
	r, err := d.changeAPI(ctx, apiChange{
		req: req, reply: out, ref: storage.APIRef{TenantID: req.GetTenantId(), ID: req.GetId()}, field: "id", etag: req.GetEtag(),
		dryRun: req.GetValidateOnly(), permission: access.PermAPIsDeprecate,
		change: func(_ storage.Tx, _ *storage.Tenant, a *storage.API, now time.Time) (string, error) {
			if a.State == storage.APIRetired {
				return "", precondition("the API is RETIRED, which is final")
			}
			if a.State != storage.APIDeprecated {
				a.DeprecateTime = now
			}
			a.State, a.SunsetTime = storage.APIDeprecated, sunset
			return "", nil
		},
		show: func(a *pb.Api) { out.Api = a },
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// RetireApi ends an API for good.
func (d *DirectoryServer) RetireApi(ctx context.Context, req *pb.RetireApiRequest) (*pb.RetireApiResponse, error) {
	out := &pb.RetireApiResponse{}
	r, err := d.changeAPI(ctx, apiChange{
		req: req, reply: out, ref: storage.APIRef{TenantID: req.GetTenantId(), ID: req.GetId()}, field: "id", etag: req.GetEtag(),
		dryRun: req.GetValidateOnly(), permission: access.PermAPIsRetire,
		change: func(_ storage.Tx, _ *storage.Tenant, a *storage.API, _ time.Time) (string, error) {
			if a.State == storage.APIRetired {
				return "the API was RETIRED already", nil
			}
			a.State = storage.APIRetired
			return "", nil
		},
		show: func(a *pb.Api) { out.Api = a },
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// DeleteApi removes an API; one that is subscribed to only on demand.
func (d *DirectoryServer) DeleteApi(ctx context.Context, req *pb.DeleteApiRequest) (*pb.DeleteApiResponse, error) {
	s := d.service
	caller, err := s.confirmed(ctx, access.PermAPIsDelete)
	if err != nil {
		return nil, err
	}
	ref := storage.APIRef{TenantID: caller.ownOr(req.GetTenantId()), ID: req.GetId()}
	if err := d.nameAPI(withCaller(ctx, caller), "id", ref); err != nil {
		return nil, err
	}
	out := &pb.DeleteApiResponse{}
	w := &directoryWrite{
		service: s, caller: caller, dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermAPIsDelete, target: apiTarget(ref),
	}
	r, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		_, a, err := liveAPI(tx, ref, req.GetEtag())
		if err != nil {
			return changed{}, err
		}
		subscribed, err := tx.FindSubscriptions(storage.SubscriptionQuery{API: ref})
		if err != nil {
			return changed{}, fmt.Errorf("reading subscriptions: %w", err)
		}
		if len(subscribed) > 0 && !req.GetCascade() {
			return changed{}, precondition("the API has %d subscriptions; remove them, or ask for cascade", len(subscribed))
		}
		n, err := removeSubscriptions(tx, storage.SubscriptionQuery{API: ref})
		if err != nil {
			return changed{}, err
		}
		out.Cascade = &pb.Cascade{Subscriptions: n}
		if err := tx.DeleteAPI(ref); err != nil {
			return changed{}, fmt.Errorf("removing the API: %w", err)
		}
		return changed{before: apiToProto(a)}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

func apiTarget(ref storage.APIRef) auditTarget {
	return auditTarget{Kind: "api", TenantID: ref.TenantID, ID: ref.ID}
}
