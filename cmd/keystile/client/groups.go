package client

// KeyCommands work on keys.
type KeyCommands struct {
	Options
	Create       KeyCreate       `cmd:"" help:"Issue a key, and show its secret once."`
	List         KeyList         `cmd:"" help:"List keys, newest first."`
	Get          KeyGet          `cmd:"" help:"Show one key."`
	Update       KeyUpdate       `cmd:"" help:"Change what a key may do, or for how long."`
	Rotate       KeyRotate       `cmd:"" help:"Issue a new secret under the same id, and show it once."`
	Revoke       KeyRevoke       `cmd:"" help:"End a key for good."`
	RevokeSelf   KeyRevokeSelf   `cmd:"" help:"End the key that you give this command with, for good."`
	Limits       KeyLimits       `cmd:"" help:"Show how a key's limits stand."`
	ResetLimits  KeyResetLimits  `cmd:"" help:"Make a key's limits whole again."`
	GrantCredits KeyGrantCredits `cmd:"" help:"Add credits to a key's quota."`
	Disable      KeyDisable      `cmd:"" help:"Switch a key off until it is enabled again."`
	Enable       KeyEnable       `cmd:"" help:"Switch a disabled key on."`
	Delete       KeyDelete       `cmd:"" help:"Remove a key from use."`
	Check        KeyCheck        `cmd:"" help:"Ask whether a key may make a call, and why not."`
	Import       KeyImport       `cmd:"" help:"Take over keys that were issued elsewhere, from a CSV or JSON-lines file."`
}

// TenantCommands work on tenants.
type TenantCommands struct {
	Options
	Create     TenantCreate     `cmd:"" help:"Create a tenant. Only the operator's tenant, system, may."`
	List       TenantList       `cmd:"" help:"List tenants."`
	Get        TenantGet        `cmd:"" help:"Show one tenant."`
	Update     TenantUpdate     `cmd:"" help:"Change a tenant's name, secret prefix, key policy, hosts or limits."`
	Suspend    TenantSuspend    `cmd:"" help:"Refuse every key of a tenant, until it is activated."`
	Activate   TenantActivate   `cmd:"" help:"End a tenant's suspension."`
	Delete     TenantDelete     `cmd:"" help:"Take a tenant out of use."`
	Policy     TenantPolicy     `cmd:"" help:"Show what a tenant's keys must be like."`
	Violations TenantViolations `cmd:"" help:"List a tenant's keys that break its key policy."`
	Purge      TenantPurge      `cmd:"" help:"Remove for good what was deleted long enough ago, in all tenants. Only the operator's tenant, system, may."`
}

// UserCommands work on users.
type UserCommands struct {
	Options
	Create   UserCreate   `cmd:"" help:"Create a user."`
	List     UserList     `cmd:"" help:"List users."`
	Get      UserGet      `cmd:"" help:"Show one user."`
	Update   UserUpdate   `cmd:"" help:"Change a user's name, kind, roles or limits."`
	Suspend  UserSuspend  `cmd:"" help:"Refuse every key of a user, until it is activated."`
	Activate UserActivate `cmd:"" help:"End a user's suspension."`
	Delete   UserDelete   `cmd:"" help:"Take a user out of use."`
}

// RoleCommands work on roles.
type RoleCommands struct {
	Options
	Create RoleCreate `cmd:"" help:"Create a role."`
	List   RoleList   `cmd:"" help:"List roles."`
	Get    RoleGet    `cmd:"" help:"Show one role."`
	Update RoleUpdate `cmd:"" help:"Change a role's name or permissions."`
	Delete RoleDelete `cmd:"" help:"Remove a role."`
}

// APICommands work on APIs.
type APICommands struct {
	Options
	Create    APICreate    `cmd:"" help:"Create an API with its routes."`
	List      APIList      `cmd:"" help:"List APIs."`
	Get       APIGet       `cmd:"" help:"Show one API with its routes."`
	Update    APIUpdate    `cmd:"" help:"Change an API, or replace its routes."`
	Deprecate APIDeprecate `cmd:"" help:"Announce the end of an API, which goes on answering."`
	Retire    APIRetire    `cmd:"" help:"End an API for good."`
	Delete    APIDelete    `cmd:"" help:"Remove an API."`
}

// PlanCommands work on plans.
type PlanCommands struct {
	Options
	Create PlanCreate `cmd:"" help:"Create a plan with its limits."`
	List   PlanList   `cmd:"" help:"List plans."`
	Get    PlanGet    `cmd:"" help:"Show one plan."`
	Update PlanUpdate `cmd:"" help:"Change a plan's name or limits."`
	Delete PlanDelete `cmd:"" help:"Remove a plan that no approved or paused subscription has."`
}

// SubscriptionCommands work on subscriptions.
type SubscriptionCommands struct {
	Options
	Create  SubscriptionCreate  `cmd:"" help:"Ask for the right to call an API."`
	List    SubscriptionList    `cmd:"" help:"List subscriptions, newest first."`
	Get     SubscriptionGet     `cmd:"" help:"Show one subscription."`
	Approve SubscriptionApprove `cmd:"" help:"Grant a pending subscription, or give an approved one another plan. The API's administrators may."`
	Reject  SubscriptionReject  `cmd:"" help:"Refuse a pending subscription. The API's administrators may."`
	Pause   SubscriptionPause   `cmd:"" help:"Suspend an approved subscription. The API's administrators may."`
	Resume  SubscriptionResume  `cmd:"" help:"End a subscription's pause. The API's administrators may."`
	Update  SubscriptionUpdate  `cmd:"" help:"Change the subscriber's note."`
	Delete  SubscriptionDelete  `cmd:"" help:"Remove a subscription."`
}

// AuditCommands work on the audit trail.
type AuditCommands struct {
	Options
	List   AuditList   `cmd:"" help:"List audit events, newest first."`
	Verify AuditVerify `cmd:"" help:"Recompute a tenant's audit chain, and name its first broken link."`
	Head   AuditHead   `cmd:"" help:"Print the newest link of a tenant's audit chain, to be kept elsewhere."`
}
