package client

import (
	"context"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// APIGet shows one API.
type APIGet struct {
	ID     string `arg:"" name:"id" help:"The API's id."`
	Tenant string `placeholder:"TENANT" help:"The API's tenant. Default: your own."`
}

// Help shows how it is used.
func (*APIGet) Help() string {
	return `What -o json prints, keystile api update --file takes back.

Examples:

    keystile api get orders --tenant acme
    keystile api get orders -o json > orders.json`
}

// Run reads and prints the API.
func (c *APIGet) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.GetApi(ctx, &pb.GetApiRequest{Id: c.ID, TenantId: c.Tenant})
		if err != nil {
			return failureOf(err)
		}
		return s.print(res, apiText(res.GetApi()))
	})
}

// APIList lists APIs.
type APIList struct {
	Tenant string `placeholder:"TENANT" help:"Whose APIs. Default: your own tenant's."`
	Filtering
}

// Help shows how it is used.
func (*APIList) Help() string {
	return `Examples:

    keystile api list --tenant acme
    keystile api list --filter 'state = DEPRECATED AND visibility = PUBLIC'`
}

// Run reads and prints the APIs.
func (c *APIList) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		apis := listing[*pb.Api]{
			head: []string{"ID", "TENANT", "NAME", "VISIBILITY", "STATE", "SUBSCRIPTION", "ROUTES", "SUNSET"},
			rows: func(r *pb.Api) [][]string {
				return row(r.GetId(), r.GetTenantId(), r.GetDisplayName(), r.GetVisibility().String(), r.GetState().String(),
					required(r), strconv.Itoa(len(r.GetRoutes())), when(r.GetSunsetTime()))
			},
			next: func(size int32, token string) ([]*pb.Api, string, error) {
				res, err := s.directory.ListApis(ctx, &pb.ListApisRequest{
					TenantId: c.Tenant, Filter: c.Filter, PageSize: size, PageToken: token,
				})
				return res.GetApis(), res.GetNextPageToken(), err
			},
			whole: func(all []*pb.Api, token string) proto.Message {
				return &pb.ListApisResponse{Apis: all, NextPageToken: token}
			},
		}
		return apis.show(s, c.Paging)
	})
}

// apiText is an API for people: its sheet, and its routes below.
func apiText(r *pb.Api) fmt.Stringer {
	return append(parts{apiSheet(r)}, apiRoutes(r)...)
}

// apiSheet is what an API is beside its routes.
func apiSheet(r *pb.Api) *sheet {
	s := &sheet{}
	s.add("Id", r.GetId())
	s.add("Tenant", r.GetTenantId())
	s.add("Name", r.GetDisplayName())
	s.add("Visibility", r.GetVisibility().String())
	s.add("State", r.GetState().String())
	s.add("Deprecated", when(r.GetDeprecateTime()))
	s.add("Sunset", when(r.GetSunsetTime()))
	s.add("Subscription", required(r))
	s.add("Preflights", preflights(r))
	s.addLimits(r)
	s.add("Created", when(r.GetCreateTime()))
	s.add("Updated", when(r.GetUpdateTime()))
	s.add("Etag", r.GetEtag())
	if len(r.GetRoutes()) == 0 {
		s.add("Routes", "none")
	}
	return s
}

// apiRoutes is what stands below an API's sheet.
func apiRoutes(r *pb.Api) parts {
	if len(r.GetRoutes()) == 0 {
		return nil
	}
	return parts{line(""), routeTable(r.GetRoutes())}
}

// required says whether the API's own tenant needs a subscription too.
func required(r *pb.Api) string {
	if r.GetSubscriptionRequired() {
		return "required"
	}
	return "from other tenants"
}

// preflights says what becomes of a browser's preflights, which carry no key.
func preflights(r *pb.Api) string {
	if r.GetAllowPreflight() {
		return "let through"
	}
	return "need a key"
}
