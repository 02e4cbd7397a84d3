package client

import (
	"context"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// APICreate creates an API.
type APICreate struct {
	ID                   string     `arg:"" optional:"" name:"id" help:"The API's id, the first part of its permissions. Default: the file's."`
	Tenant               string     `placeholder:"TENANT" help:"The API's tenant. Default: the file's, or else your own."`
	Name                 *string    `placeholder:"NAME" help:"A name for people."`
	Visibility           Visibility `placeholder:"public|private" help:"Who may call it: with public, guests by safe methods, and other tenants without a subscription. Default: private."`
	SubscriptionRequired *bool      `negatable:"" help:"Want a subscription even from the API's own tenant."`
	AllowPreflight       *bool      `negatable:"" help:"Let CORS preflights through, with which browsers send no key. Default: no."`
	Routes               []Route    `name:"route" sep:"none" xor:"routes" placeholder:"'METHOD HOST PATH [PERMISSION]'" help:"A route; methods and hosts may be several, separated by commas. May be given again."`
	File                 string     `type:"path" xor:"routes" placeholder:"FILE" help:"Read the API from this JSON file; - is stdin. Other flags take the place of what it says."`
	LimitFlags
	Writing
}

// Help shows how it is used.
func (*APICreate) Help() string {
	return `A route without a permission needs ID.read for GET, HEAD and OPTIONS, and ID.write otherwise.
Limits of a single route are set by a file.

Examples:

    keystile api create orders --route 'GET api.acme.test /orders/{id} orders.read' --route 'POST,PUT api.acme.test /orders/**'
    keystile api create catalog --tenant acme --visibility public --route 'GET,HEAD * /catalog/**' --allow-preflight
    keystile api create --file orders.json
    keystile api create billing --file - --subscription-required
    keystile api create search --route 'GET * /search' --rate-limit second=50/1s`
}

// Run creates the API.
func (c *APICreate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		api := &pb.Api{}
		if c.File != "" {
			file, err := readAPIFile(c.File, t)
			if err != nil {
				return err
			}
			api = file.api
			api.Etag = ""
		}
		flags := &pb.Api{
			Id: c.ID, TenantId: c.Tenant, DisplayName: textOf(c.Name), Visibility: pb.Api_Visibility(c.Visibility), Routes: routesOf(c.Routes),
		}
		proto.Merge(api, flags)
		if c.SubscriptionRequired != nil {
			api.SubscriptionRequired = *c.SubscriptionRequired
		}
		if c.AllowPreflight != nil {
			api.AllowPreflight = *c.AllowPreflight
		}
		if len(c.RateLimits) > 0 {
			api.RateLimits = rateLimitsOf(c.RateLimits)
		}
		if len(c.Quotas) > 0 {
			api.Quotas = quotasOf(c.Quotas)
		}
		if api.GetId() == "" {
			return usagef("give the API's id, as an argument or in the file")
		}
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.directory.CreateApi(ctx, &pb.CreateApiRequest{Api: api, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait()})
		if err != nil {
			return c.outcome(err, "")
		}
		return s.wrote(res, apiSheet(res.GetApi()), apiRoutes(res.GetApi())...)
	})
}

// APIUpdate changes an API. What neither a flag nor the file names stays as it
// is.
type APIUpdate struct {
	ID                   string     `arg:"" optional:"" name:"id" help:"The API's id. Default: the file's."`
	Tenant               string     `placeholder:"TENANT" help:"The API's tenant. Default: the file's, or else your own."`
	Name                 *string    `placeholder:"NAME" help:"A name for people; empty for none."`
	Visibility           Visibility `placeholder:"public|private" help:"Who may call it."`
	SubscriptionRequired *bool      `negatable:"" help:"Want a subscription even from the API's own tenant, or no longer."`
	AllowPreflight       *bool      `negatable:"" help:"Let CORS preflights through, with which browsers send no key, or no longer."`
	Routes               []Route    `name:"route" sep:"none" xor:"routes" placeholder:"'METHOD HOST PATH [PERMISSION]'" help:"A route. May be given again; together they take the place of all there were."`
	ClearRoutes          bool       `xor:"routes" help:"Remove all routes."`
	File                 string     `type:"path" xor:"routes" placeholder:"FILE" help:"Read what to change from this JSON file; - is stdin. An etag in it guards the update as --etag does. Other flags take the place of what it says."`
	LimitChanges
	Guard
	Writing
}

// Help shows how it is used.
func (*APIUpdate) Help() string {
	return `The file is what keystile api get -o json prints, or a part of it: what it does not name stays
as it is, and what the server sets by itself is passed over. Limits of a single route are
set by a file; routes that flags give have none.

Examples:

    keystile api update orders --name Orders --no-subscription-required
    keystile api update orders --route 'GET api.acme.test /orders/{id}' --route 'POST api.acme.test /orders'
    keystile api update --file orders.json`
}

// Run changes the API.
func (c *APIUpdate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		req, err := c.request(t)
		if err != nil {
			return err
		}
		if err := c.name(t); err != nil {
			return err
		}
		req.RequestId, req.ValidateOnly, req.WaitForPropagation = c.RequestID, c.ValidateOnly, c.wait()
		res, err := s.directory.UpdateApi(ctx, req)
		if err != nil {
			return c.outcome(err, "")
		}
		return s.wrote(res, apiSheet(res.GetApi()), apiRoutes(res.GetApi())...)
	})
}

// request is what the file and the flags say.
func (c *APIUpdate) request(t *Terminal) (*pb.UpdateApiRequest, error) {
	file := &apiFile{api: &pb.Api{}}
	if c.File != "" {
		var err error
		if file, err = readAPIFile(c.File, t); err != nil {
			return nil, err
		}
	}
	api := file.api
	etag := c.Etag
	if etag == "" {
		etag = api.GetEtag()
	}
	api.Etag = ""
	proto.Merge(api, &pb.Api{Id: c.ID, TenantId: c.Tenant, Visibility: pb.Api_Visibility(c.Visibility), Routes: routesOf(c.Routes)})
	if c.Name != nil {
		api.DisplayName = *c.Name
	}
	if c.SubscriptionRequired != nil {
		api.SubscriptionRequired = *c.SubscriptionRequired
	}
	if c.AllowPreflight != nil {
		api.AllowPreflight = *c.AllowPreflight
	}
	limits := c.changes()
	if limits[0].given {
		api.RateLimits = rateLimitsOf(c.RateLimits)
	}
	if limits[1].given {
		api.Quotas = quotasOf(c.Quotas)
	}
	mask, err := changed([]change{
		{"display_name", c.Name != nil || file.names("displayName", "display_name")},
		{"visibility", c.Visibility != 0 || file.names("visibility")},
		{"subscription_required", c.SubscriptionRequired != nil || file.names("subscriptionRequired", "subscription_required")},
		{"allow_preflight", c.AllowPreflight != nil || file.names("allowPreflight", "allow_preflight")},
		{"routes", len(c.Routes) > 0 || c.ClearRoutes || file.names("routes")},
		{limits[0].path, limits[0].given || file.names("rateLimits", "rate_limits")},
		{limits[1].path, limits[1].given || file.names("quotas")},
	})
	if err != nil {
		return nil, err
	}
	if api.GetId() == "" {
		return nil, usagef("give the API's id, as an argument or in the file")
	}
	return &pb.UpdateApiRequest{Api: api, UpdateMask: mask, Etag: etag}, nil
}
