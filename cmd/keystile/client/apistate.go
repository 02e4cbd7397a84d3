package client

import (
	"context"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// APIDeprecate announces the end of an API.
type APIDeprecate struct {
	ID     string     `arg:"" name:"id" help:"The API's id."`
	Tenant string     `placeholder:"TENANT" help:"The API's tenant. Default: your own."`
	Sunset *time.Time `placeholder:"RFC3339" help:"When it stops to answer, such as 2027-06-30T00:00:00Z. Default: not decided yet."`
	Guard
	DryRun
}

// Help shows how it is used.
func (*APIDeprecate) Help() string {
	return `Calls go on being allowed, with a warning, until the sunset.

Examples:

    keystile api deprecate orders --sunset 2027-06-30T00:00:00Z
    keystile api deprecate orders --tenant acme`
}

// Run deprecates the API.
func (c *APIDeprecate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.DeprecateApi(ctx, &pb.DeprecateApiRequest{
			Id: c.ID, TenantId: c.Tenant, SunsetTime: stamp(c.Sunset), Etag: c.Etag, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcomeOf(err)
		}
		return s.wrote(res, apiSheet(res.GetApi()), apiRoutes(res.GetApi())...)
	})
}

// APIRetire ends an API.
type APIRetire struct {
	ID     string `arg:"" name:"id" help:"The API's id."`
	Tenant string `placeholder:"TENANT" help:"The API's tenant. Default: your own."`
	Guard
	DryRun
}

// Help shows how it is used.
func (*APIRetire) Help() string {
	return `Every call to it is refused from then on, with API_RETIRED. See also: keystile api deprecate.

Examples:

    keystile api retire orders --tenant acme`
}

// Run retires the API.
func (c *APIRetire) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.RetireApi(ctx, &pb.RetireApiRequest{
			Id: c.ID, TenantId: c.Tenant, Etag: c.Etag, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcomeOf(err)
		}
		s.warnOfPending(res.GetPropagation())
		return s.wrote(res, apiSheet(res.GetApi()), apiRoutes(res.GetApi())...)
	})
}

// APIDelete removes an API.
type APIDelete struct {
	ID     string `arg:"" name:"id" help:"The API's id."`
	Tenant string `placeholder:"TENANT" help:"The API's tenant. Default: your own."`
	Taking
	Guard
	DryRun
}

// Help shows how it is used.
func (*APIDelete) Help() string {
	return `An API that is subscribed to is deleted with --cascade only. What callers are told then is
that there is no such API; keystile api retire tells them more.

Examples:

    keystile api delete orders --tenant acme
    keystile api delete orders --cascade`
}

// Run deletes the API.
func (c *APIDelete) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.DeleteApi(ctx, &pb.DeleteApiRequest{
			Id: c.ID, TenantId: c.Tenant, Etag: c.Etag, Cascade: c.Cascade, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcomeOf(err)
		}
		gone := &sheet{}
		gone.add("Deleted", "API "+path(c.Tenant, c.ID))
		gone.add("Taken along", taken(res.GetCascade()))
		s.warnOfPending(res.GetPropagation())
		return s.wrote(res, gone)
	})
}
