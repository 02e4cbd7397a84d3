package server

import (
	"fmt"
	"slices"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// routesFit wants an API's routes to be valid, to lie inside their tenant's
// hosts, and to tie with no route of the tenant.
func routesFit(tx storage.Tx, t *storage.Tenant, a *storage.API) error {
	all, err := tx.ListTenantAPIs(t.ID)
	if err != nil {
		return fmt.Errorf("reading the tenant's APIs: %w", err)
	}
	all = slices.DeleteFunc(all, func(other *storage.API) bool { return other.ID == a.ID })
	var v violations
	_, faults := access.NewRoutes(append(all, a))
	for _, f := range faults {
		if f.API == a.Ref() && f.Route < 0 {
			v.add("api."+f.Field, "%s", f.Problem)
		} else if f.API == a.Ref() {
			v.add(fmt.Sprintf("api.routes[%d].%s", f.Route, f.Field), "%s", f.Problem)
		}
	}
	for i, route := range a.Routes {
		if !hostsInside(route.Hosts, t.Hosts) {
			v.add(fmt.Sprintf("api.routes[%d].hosts", i), "must lie inside the tenant's own hosts, which the operator sets; \"*\" is all of them")
		}
	}
	return v.err()
}

// readAPIFields checks and sets the fields that a mask names; nil is all.
// Routes are judged where their neighbours are known.
func readAPIFields(v *violations, in *pb.Api, into *storage.API, mask map[string]bool) {
	if mask == nil || mask["display_name"] {
		v.text("api.displayName", in.GetDisplayName(), maxName)
		into.DisplayName = in.GetDisplayName()
	}
	if mask == nil || mask["visibility"] {
		if _, known := pb.Api_Visibility_name[int32(in.GetVisibility())]; !known {
			v.add("api.visibility", "must be PUBLIC or PRIVATE")
		}
		into.Visibility = storage.VisibilityPrivate
		if in.GetVisibility() == pb.Api_PUBLIC {
			into.Visibility = storage.VisibilityPublic
		}
	}
	if mask == nil || mask["subscription_required"] {
		into.SubscriptionRequired = in.GetSubscriptionRequired()
	}
	if mask == nil || mask["allow_preflight"] {
		into.AllowPreflight = in.GetAllowPreflight()
	}
	readLimits(v, "api.", in, &into.Limits, mask)
	if mask == nil || mask["routes"] {
		into.Routes = readRoutes(v, in.GetRoutes())
	}
}

func readRoutes(v *violations, in []*pb.Route) []storage.Route {
	if len(in) > maxRoutes {
		v.add("api.routes", "must hold at most %d routes", maxRoutes)
		return nil
	}
	var out []storage.Route
	for n, r := range in {
		hosts := make([]string, len(r.GetHosts()))
		for i, h := range r.GetHosts() {
			hosts[i] = h
			if normal, ok := access.NormalHostPattern(h); ok {
				hosts[i] = normal
			}
		}
		route := storage.Route{Hosts: hosts, Methods: r.GetMethods(), Path: r.GetPath(), Permission: r.GetPermission()}
		readLimits(v, fmt.Sprintf("api.routes[%d].", n), r, &route.Limits, nil)
		out = append(out, route)
	}
	return out
}

func apiToProto(a *storage.API) *pb.Api {
	out := &pb.Api{
		Id: a.ID, TenantId: a.TenantID, DisplayName: a.DisplayName,
		Visibility: pb.Api_Visibility(pb.Api_Visibility_value[string(a.Visibility)]),
		State:      pb.Api_State(pb.Api_State_value[string(a.State)]), DeprecateTime: timeToProto(a.DeprecateTime),
		SunsetTime: timeToProto(a.SunsetTime), SubscriptionRequired: a.SubscriptionRequired, AllowPreflight: a.AllowPreflight,
		Etag: etag(a.Version), CreateTime: timeToProto(a.CreateTime), UpdateTime: timeToProto(a.UpdateTime),
		RateLimits: rateLimitsToProto(&a.Limits), Quotas: quotasToProto(&a.Limits),
	}
	for _, r := range a.Routes {
		out.Routes = append(out.Routes, &pb.Route{
			Hosts: r.Hosts, Methods: r.Methods, Path: r.Path, Permission: r.Permission,
			RateLimits: rateLimitsToProto(&r.Limits), Quotas: quotasToProto(&r.Limits),
		})
	}
	return out
}
