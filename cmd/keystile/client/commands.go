package client

import (
	"context"

	"github.com/alecthomas/kong"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// Commands are the client commands, to be embedded in the root of a kong
// command line. Their Run methods want a context.Context and a *Terminal bound.
type Commands struct {
	Key          KeyCommands          `cmd:"" help:"Issue, check, import and manage keys."`
	Explain      Explain              `cmd:"" help:"Go through a decision step by step: why is this call refused, and what must change?"`
	WhoAmI       WhoAmI               `cmd:"" name:"whoami" help:"Tell who your own key is, and what it may do."`
	Tenant       TenantCommands       `cmd:"" help:"Create and manage tenants, their hosts and their key policies."`
	User         UserCommands         `cmd:"" help:"Create and manage users."`
	Role         RoleCommands         `cmd:"" help:"Create and manage roles."`
	API          APICommands          `cmd:"" name:"api" help:"Create and manage APIs and their routes."`
	Plan         PlanCommands         `cmd:"" help:"Create and manage plans: the limits that subscriptions get."`
	Subscription SubscriptionCommands `cmd:"" help:"Ask for the right to call an API, and decide about it."`
	Audit        AuditCommands        `cmd:"" help:"Read and verify the audit trail."`
	Bench        Bench                `cmd:"" help:"Put a server under load, and measure its checks."`
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
	json bool
	// link is what the clients call over.
	link      *link
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
		link:      conn,
		keys:      pb.NewKeyServiceClient(conn),
		directory: pb.NewDirectoryServiceClient(conn),
		audit:     pb.NewAuditServiceClient(conn),
	}
	if err := work(ctx, s); err != nil {
		return o.explain(err, secret)
	}
	return nil
}
