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
	codeOK               = "OK"
	codeUnauthenticated  = "UNAUTHENTICATED"
	codePermissionDenied = "PERMISSION_DENIED"
	codeUnavailable      = "UNAVAILABLE"
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
		"keystile tenant get TENANT",
	},
	{
		InvalidUser, "INVALID_USER", 401, codeUnauthenticated,
		"invalid user associated with this key",
		"Ask an administrator of your tenant to reactivate the user, or to issue a key for another one.",
		"The key itself may be fine, but the user it belongs to is suspended, deleted or missing: people who leave, service accounts that were switched off.",
		"keystile user get USER --tenant TENANT",
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
		PermissionDenied, "PERMISSION_DENIED", 403, codePermissionDenied,
		"the key does not hold the permission that this call needs",
		"Ask an administrator to add the permission to the user's roles or to the key's scopes, whichever the message names.",
		"What a key may do is what its user's roles allow, narrowed by the key's own scopes. The message names the missing permission and which of the two lacks it.",
		"keystile key update KEY_ID --scope orders.read   # when the scopes lack it\nkeystile user get USER --tenant TENANT             # when the roles lack it",
	},
	{
		StoreUnavailable, "STORE_UNAVAILABLE", 503, codeUnavailable,
		"the key could not be checked: the store is out of reach",
		"Try again shortly; the key may be perfectly good. Operators: see /readyz and the log.",
		"This replica has had no contact with its store for longer than --max-staleness, or has not read it yet. Nothing was decided: this is an outage, never a refusal.",
		"curl -s http://127.0.0.1:9091/readyz",
	},
}
