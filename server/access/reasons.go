package access

import "slices"

// Entry is what is known of a Reason: the single source of the HTTP status, the
// gRPC code, the texts, and docs/errors.md.
type Entry struct {
	Reason Reason
	Name   string
	// HTTPStatus is what a forward-auth door answers.
	HTTPStatus int
	// Code is the gRPC code at ext_authz, by its canonical name.
	Code string
	// Message says in one line what happened.
	Message string
	// Remedy says in one line what to do about it.
	Remedy string
	// Cause tells an administrator how this comes about.
	Cause string
	// Cure is the command that mends it, or shows what to mend.
	Cure string
}

// The gRPC codes that reasons map to, by canonical name (google.rpc.Code).
const (
	codeOK                = "OK"
	codeUnauthenticated   = "UNAUTHENTICATED"
	codePermissionDenied  = "PERMISSION_DENIED"
	codeResourceExhausted = "RESOURCE_EXHAUSTED"
	codeUnavailable       = "UNAVAILABLE"
)

// Entries gives the table in the order of the decision, ALLOWED first and
// STORE_UNAVAILABLE last.
func Entries() []Entry { return slices.Clone(entries[:]) }

var entries = [...]Entry{
	{
		Allowed, "ALLOWED", 200, codeOK,
		"the call is allowed",
		"Nothing to do; look at the warnings, if there are any.",
		"The key is good, and its user's roles and its own scopes allow what was asked.",
		"keystile key check --secret-file secret.txt",
	},
	{
		KeyMissing, "KEY_MISSING", 401, codeUnauthenticated,
		"no API key was presented",
		"Send the key with the request, as 'Authorization: Bearer <key>'.",
		"The request carried no credential, or an empty one: often an environment variable that is not set where the client runs, or a proxy that drops the header.",
		"curl -H \"Authorization: Bearer $KEY\" ...",
	},
	{
		KeyMalformed, "KEY_MALFORMED", 401, codeUnauthenticated,
		"what was presented can't be an API key",
		"Copy the key again, whole and without blanks or line breaks; present exactly one.",
		"The credential is shorter than 16 or longer than 512 bytes, holds unprintable characters, is one of two different ones in the request, or is a key of ours with a character mistyped or missing (its checksum is wrong).",
		"keystile key check --secret-file secret.txt",
	},
	{
		KeyNotFound, "KEY_NOT_FOUND", 401, codeUnauthenticated,
		"the API key is not known here",
		"Check that the key belongs to this environment; otherwise ask an administrator for a new one.",
		"The key is well formed, but no key here has this secret: it was deleted, belongs to another environment or tenant, or was rotated out long ago.",
		"keystile key list --tenant TENANT   # compare prefix and last four characters",
	},
	{
		TenantSuspended, "TENANT_SUSPENDED", 403, codePermissionDenied,
		"the tenant that owns this key is suspended",
		"Ask the operator of this service to reactivate the tenant.",
		"The operator has suspended the whole tenant, so none of its keys is accepted.",
		"keystile tenant activate TENANT",
	},
	{
		InvalidUser, "INVALID_USER", 401, codeUnauthenticated,
		"invalid user associated with this key",
		"Ask an administrator of your tenant to reactivate the user, or to issue a key for another one.",
		"The key itself may be fine, but the user it belongs to is suspended, deleted or missing: people who leave, service accounts that were switched off.",
		"keystile user activate USER --tenant TENANT",
	},
	{
		KeyRevoked, "KEY_REVOKED", 401, codeUnauthenticated,
		"the API key was revoked",
		"Stop using this key and ask an administrator for a new one; a revocation is final.",
		"An administrator ended the key for good. The class of the revocation is told to the holder, the note beside it only to administrators.",
		"keystile key get KEY_ID   # class, note and time of the revocation\nkeystile key create --tenant TENANT --user USER --name NAME",
	},
	{
		KeyDisabled, "KEY_DISABLED", 401, codeUnauthenticated,
		"the API key is disabled",
		"Ask an administrator to enable the key again.",
		"An administrator switched the key off for now, or its record could not be read.",
		"keystile key enable KEY_ID",
	},
	{
		KeySuperseded, "KEY_SUPERSEDED", 401, codeUnauthenticated,
		"this secret was rotated out and its grace has ended",
		"Configure the client with the secret that the last rotation gave; the key itself goes on.",
		"The key was rotated, and this client still presents the secret before: an integration that was not updated in time.",
		"keystile key get KEY_ID   # last four characters of the secret now in use\nkeystile key rotate KEY_ID --grace 24h   # if the new secret was lost",
	},
	{
		KeyNotYetValid, "KEY_NOT_YET_VALID", 401, codeUnauthenticated,
		"the API key is not valid yet",
		"Wait until the key's start time, or ask an administrator to move it.",
		"The key has a start time in the future.",
		"keystile key update KEY_ID --start-time 2026-01-01T00:00:00Z",
	},
	{
		KeyExpired, "KEY_EXPIRED", 401, codeUnauthenticated,
		"the API key has expired",
		"Ask an administrator to extend the key or to issue a new one.",
		"The key's expiry time has passed.",
		"keystile key update KEY_ID --expires-in 720h",
	},
	{
		ClientIPDenied, "CLIENT_IP_DENIED", 403, codePermissionDenied,
		"the key may not be used from this address",
		"Call from an allowed network, or ask an administrator to extend the key's allowed networks.",
		"The key is bound to client networks, and the client's address is in none of them or is not known: a gateway that does not pass the client's address on denies too.",
		"keystile key update KEY_ID --cidr 203.0.113.0/24",
	},
	{
		RequestMalformed, "REQUEST_MALFORMED", 403, codePermissionDenied,
		"the request's host or path can be read in more than one way",
		"Send the path plainly: no encoded slashes or backslashes, no dot segments, no double slashes, no double encoding, no control characters.",
		"A path or host that two readers could read differently is refused before it is matched: what one of them takes for harmless the other may not.",
		"keystile explain --key-id KEY_ID --method GET --host api.acme.test --path /orders/7",
	},
	{
		APINotFound, "API_NOT_FOUND", 403, codePermissionDenied,
		"the request matches no route of a known API",
		"Check host, method and path against the API's documentation; an administrator can list the routes.",
		"No tenant has this host among its hosts, or none of that tenant's APIs has a route for the method and path, or the API that was named does not exist.",
		"keystile api list --tenant TENANT\nkeystile tenant get TENANT   # its hosts",
	},
	{
		APIRetired, "API_RETIRED", 403, codePermissionDenied,
		"the API has been retired",
		"Move to the API's successor; its owner can say which that is.",
		"The API's owner has retired it, or the sunset time that was announced has passed.",
		"keystile api get API --tenant TENANT",
	},
	{
		KeyAPIDenied, "KEY_API_DENIED", 403, codePermissionDenied,
		"the key may not be used for this API",
		"Use a key for this API, or ask an administrator to add the API to the key.",
		"The key is restricted to named APIs, and this is none of them.",
		"keystile key update KEY_ID --api orders --api billing",
	},
	{
		PermissionDenied, "PERMISSION_DENIED", 403, codePermissionDenied,
		"the key does not hold the permission that this call needs",
		"Ask an administrator to add the permission to the user's roles or to the key's scopes, whichever the message names.",
		"What a key may do is what its user's roles allow, narrowed by the key's own scopes. The message names the missing permission and which of the two lacks it.",
		"keystile key update KEY_ID --scope orders.read   # when the scopes lack it\nkeystile user update USER --tenant TENANT --role ROLE   # when the roles lack it",
	},
	{
		SubscriptionRequired, "SUBSCRIPTION_REQUIRED", 403, codePermissionDenied,
		"calling this API needs a subscription",
		"Ask for a subscription to the API, and have its owner approve it.",
		"The API requires a subscription, or belongs to another tenant and is not public, and neither the key's user nor its tenant has one.",
		"keystile subscription create --tenant TENANT --user USER --api API --api-tenant OWNER\nkeystile subscription approve SUBSCRIPTION_ID   # as an administrator of OWNER",
	},
	{
		SubscriptionPending, "SUBSCRIPTION_PENDING", 403, codePermissionDenied,
		"the subscription to this API has not been approved yet",
		"Wait for the API's owner to approve it, or remind them.",
		"A subscription was asked for, and nobody has decided yet.",
		"keystile subscription approve SUBSCRIPTION_ID",
	},
	{
		SubscriptionRejected, "SUBSCRIPTION_REJECTED", 403, codePermissionDenied,
		"the subscription to this API was rejected",
		"Read the reason in the subscription, and ask again once it is settled.",
		"The API's owner has rejected the subscription; it says why.",
		"keystile subscription get SUBSCRIPTION_ID",
	},
	{
		SubscriptionPaused, "SUBSCRIPTION_PAUSED", 403, codePermissionDenied,
		"the subscription to this API is paused",
		"Ask the API's owner to resume it.",
		"The API's owner has paused the subscription.",
		"keystile subscription resume SUBSCRIPTION_ID",
	},
	{
		SubscriptionExpired, "SUBSCRIPTION_EXPIRED", 403, codePermissionDenied,
		"the subscription to this API has expired",
		"Ask for a new subscription.",
		"The subscription was approved until a time that has passed.",
		"keystile subscription create --tenant TENANT --user USER --api API --api-tenant OWNER",
	},
	{
		RateLimited, "RATE_LIMITED", 429, codeResourceExhausted,
		"too many calls",
		"Wait for as long as Retry-After says, and spread calls out; ask an administrator for a higher limit if that is not enough.",
		"A rate limit on the key, its user, its tenant, the API, the route or the subscription's plan has no room for this call now. The verdict names the limit, and says when there will be. A refused call counts against no limit.",
		"keystile key limits KEY_ID\nkeystile key update KEY_ID --rate-limit 'NAME=REQUESTS/PERIOD'   # when the limit is the key's own",
	},
	{
		QuotaExceeded, "QUOTA_EXCEEDED", 429, codeResourceExhausted,
		"the quota is used up",
		"Wait for the quota's next period, or ask an administrator for more credits.",
		"A quota on the key, its user, its tenant, the API, the route or the subscription's plan has less left than this call costs. The verdict names the quota, and says when its period ends.",
		"keystile key limits KEY_ID\nkeystile key grant-credits KEY_ID --quota NAME --credits N   # when the quota is the key's own",
	},
	{
		StoreUnavailable, "STORE_UNAVAILABLE", 503, codeUnavailable,
		"the key could not be checked: the store is out of reach",
		"Try again shortly; the key may be perfectly good. Operators: see /readyz and the log.",
		"This replica has had no contact with its store for longer than --max-staleness, or has not read it yet. Nothing was decided: this is an outage, never a refusal.",
		"curl -s http://127.0.0.1:9091/readyz",
	},
}
