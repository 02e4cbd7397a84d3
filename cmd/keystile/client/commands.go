package client

import (
	"context"

	"github.com/alecthomas/kong"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// Commands are the client commands, to be embedded in the root of a kong
// command line. Their Run methods want a context.Context and a *Terminal bound.
type Commands struct {
	Key    KeyCommands    `cmd:"" help:"Issue, check and manage keys."`
	Tenant TenantCommands `cmd:"" help:"Create and read tenants."`
	User   UserCommands   `cmd:"" help:"Create and read users."`
	Audit  AuditCommands  `cmd:"" help:"Read and verify the audit trail."`
}

// KeyCommands work on keys.
type KeyCommands struct {
	Options
	Create  KeyCreate  `cmd:"" help:"Issue a key, and show its secret once."`
	List    KeyList    `cmd:"" help:"List keys, newest first."`
	Get     KeyGet     `cmd:"" help:"Show one key."`
	Update  KeyUpdate  `cmd:"" help:"Change what a key may do, or for how long."`
	Rotate  KeyRotate  `cmd:"" help:"Issue a new secret under the same id, and show it once."`
	Revoke  KeyRevoke  `cmd:"" help:"End a key for good."`
	Disable KeyDisable `cmd:"" help:"Switch a key off until it is enabled again."`
	Enable  KeyEnable  `cmd:"" help:"Switch a disabled key on."`
	Delete  KeyDelete  `cmd:"" help:"Remove a key from use."`
	Check   KeyCheck   `cmd:"" help:"Ask whether a key may make a call, and why not."`
}

// TenantCommands work on tenants.
type TenantCommands struct {
	Options
	Create TenantCreate `cmd:"" help:"Create a tenant. Only the operator's tenant, system, may."`
	Get    TenantGet    `cmd:"" help:"Show one tenant."`
}

// UserCommands work on users.
type UserCommands struct {
	Options
	Create UserCreate `cmd:"" help:"Create a user."`
	Get    UserGet    `cmd:"" help:"Show one user."`
}

// AuditCommands work on the audit trail.
type AuditCommands struct {
	Options
	List   AuditList   `cmd:"" help:"List audit events, newest first."`
	Verify AuditVerify `cmd:"" help:"Recompute a tenant's audit chain, and name its first broken link."`
	Head   AuditHead   `cmd:"" help:"Print the newest link of a tenant's audit chain, to be kept elsewhere."`
}

// Options are what all client commands have in common.
type Options struct {
	Connection
	Credential
	Output string `short:"o" enum:"text,json" default:"text" placeholder:"text|json" group:"Output:" help:"Write for people (text) or for programs (json), errors included."`
}

// Help tells what holds for every command of the group.
func (o *Options) Help() string { return ExitCodesHelp() }

// AfterApply lets the commands of a group find its options.
func (o *Options) AfterApply(ctx *kong.Context) error {
	ctx.Bind(o)
	return nil
}

// session is what a command works with once its options are read.
type session struct {
	*Terminal
	json      bool
	keys      pb.KeyServiceClient
	directory pb.DirectoryServiceClient
	audit     pb.AuditServiceClient
}

// run connects, lets a command do its work, and gives every error the form in
// which it is reported.
func (o *Options) run(ctx context.Context, t *Terminal, work func(context.Context, *session) error) error {
	err := o.connected(ctx, t, work)
	if err == nil {
		return nil
	}
	f := failureOf(err)
	f.json = o.Output == "json"
	return f
}

func (o *Options) connected(ctx context.Context, t *Terminal, work func(context.Context, *session) error) error {
	secret, err := o.read(t)
	if err != nil {
		return err
	}
	conn, err := o.dial(secret, t)
	if err != nil {
		return err
	}
	defer conn.close()
	s := &session{
		Terminal:  t,
		json:      o.Output == "json",
		keys:      pb.NewKeyServiceClient(conn),
		directory: pb.NewDirectoryServiceClient(conn),
		audit:     pb.NewAuditServiceClient(conn),
	}
	if err := work(ctx, s); err != nil {
		return o.explain(err, secret)
	}
	return nil
}
