package client

import (
	"context"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// TenantCreate creates a tenant.
type TenantCreate struct {
	ID           string   `arg:"" name:"id" help:"The tenant's id: lower-case letters, digits and hyphens."`
	Name         string   `placeholder:"NAME" help:"A name for people."`
	SecretPrefix string   `placeholder:"PREFIX" help:"What the tenant's secrets begin with. Default: ks."`
	Hosts        []string `name:"host" sep:"none" placeholder:"HOST" help:"A host that the tenant's APIs answer to: a name, *.suffix or *. May be given again."`
	KeyPolicyFlags
	LimitFlags
	Writing
}

// Help shows how it is used.
func (*TenantCreate) Help() string {
	return `Examples:

    keystile tenant create acme --name Acme
    keystile tenant create acme --host api.acme.test --host '*.acme.example' --max-key-lifetime 90d`
}

// Run creates the tenant.
func (c *TenantCreate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		tenant := &pb.Tenant{
			Id: c.ID, DisplayName: c.Name, SecretPrefix: c.SecretPrefix, Hosts: c.Hosts, RateLimits: rateLimitsOf(c.RateLimits), Quotas: quotasOf(c.Quotas),
		}
		if c.given() {
			tenant.KeyPolicy = c.over(nil)
		}
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.directory.CreateTenant(ctx, &pb.CreateTenantRequest{
			Tenant: tenant, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcome(err, "")
		}
		return s.wrote(res, tenantSheet(res.GetTenant()))
	})
}

// TenantUpdate changes a tenant. What no flag names stays as it is.
type TenantUpdate struct {
	ID           string   `arg:"" name:"id" help:"The tenant's id."`
	Name         *string  `placeholder:"NAME" help:"A name for people; empty for none."`
	SecretPrefix *string  `placeholder:"PREFIX" help:"What new secrets begin with; empty for ks."`
	Hosts        []string `name:"host" sep:"none" xor:"hosts" placeholder:"HOST" help:"A host that the tenant's APIs answer to: a name, *.suffix or *. May be given again; together they take the place of all there were. Only the operator's tenant, system, may."`
	ClearHosts   bool     `xor:"hosts" help:"Let the tenant's APIs answer to no host."`
	KeyPolicyFlags
	LimitChanges
	Guard
	Writing
}

// Help shows how it is used.
func (*TenantUpdate) Help() string {
	return `Of the key policy too, what no flag names stays as it is: it is read first, and not
written if somebody else has changed the tenant meanwhile. Hosts and limits are set by
the operator's tenant, system, alone.

Examples:

    keystile tenant update acme --name 'Acme Ltd' --host api.acme.test --host '*.acme.example'
    keystile tenant update acme --max-key-lifetime 90d --default-key-lifetime 30d --require-expiry
    keystile tenant update acme --required-label team --required-label env --max-keys-per-user 20
    keystile tenant update acme --rate-limit second=1000/1s,burst=2000
    keystile tenant update acme --max-key-lifetime 0s --no-require-expiry --clear-required-labels`
}

// Run changes the tenant.
func (c *TenantUpdate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		mask, err := changed(append([]change{
			{"display_name", c.Name != nil},
			{"secret_prefix", c.SecretPrefix != nil},
			{"hosts", len(c.Hosts) > 0 || c.ClearHosts},
			{"key_policy", c.given()},
		}, c.changes()...))
		if err != nil {
			return err
		}
		if err := c.name(t); err != nil {
			return err
		}
		tenant := &pb.Tenant{
			Id: c.ID, DisplayName: textOf(c.Name), SecretPrefix: textOf(c.SecretPrefix), Hosts: c.Hosts,
			RateLimits: rateLimitsOf(c.RateLimits), Quotas: quotasOf(c.Quotas),
		}
		etag, also := c.Etag, ""
		if c.given() {
			before, err := s.directory.GetTenant(ctx, &pb.GetTenantRequest{Id: c.ID})
			if err != nil {
				return failureOf(err)
			}
			tenant.KeyPolicy = c.over(before.GetTenant().GetKeyPolicy())
			if etag == "" {
				etag = before.GetTenant().GetEtag()
				also = " and --etag " + etag
			}
		}
		res, err := s.directory.UpdateTenant(ctx, &pb.UpdateTenantRequest{
			Tenant: tenant, UpdateMask: mask, Etag: etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcome(err, also)
		}
		return s.wrote(res, tenantSheet(res.GetTenant()))
	})
}
