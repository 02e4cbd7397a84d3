package storage

import (
	"net/netip"
	"time"
)

// KeyState is what an administrator has decided about a key. The zero value is
// no state at all, and a key that has it is refused: a record that could not be
// read arrives so.
type KeyState string

// The states of a key. Nothing leads out of KeyRevoked.
const (
	KeyActive   KeyState = "ACTIVE"
	KeyDisabled KeyState = "DISABLED"
	KeyRevoked  KeyState = "REVOKED"
)

// RevokeReason is the class of a revocation; the holder of the secret is told it.
type RevokeReason string

// The classes of a revocation, in the words of RFC 5280 section 5.3.1.
const (
	RevokeUnspecified        RevokeReason = ""
	RevokeKeyCompromise      RevokeReason = "KEY_COMPROMISE"
	RevokeCessation          RevokeReason = "CESSATION_OF_OPERATION"
	RevokeSuperseded         RevokeReason = "SUPERSEDED"
	RevokePrivilegeWithdrawn RevokeReason = "PRIVILEGE_WITHDRAWN"
)

// Key is the record behind a secret. Its id is stable for life. Times are UTC;
// a zero time is absent.
type Key struct {
	ID          string
	TenantID    string
	UserID      string
	DisplayName string
	// Scopes narrow what the user's roles allow. Empty does not narrow.
	Scopes []string
	// AllowedCIDRs are masked prefixes. Empty allows every address.
	AllowedCIDRs []netip.Prefix
	Labels       map[string]string
	// APIs are the only APIs the key may call. Empty does not restrict.
	APIs []APIRef
	// SecretPrefix is what the key's secrets begin with; empty is the tenant's.
	SecretPrefix string
	// Limits bound the calls of the key.
	Limits Limits
	State  KeyState
	// StartTime is the first moment the key is valid. Zero: from creation.
	StartTime time.Time
	// ExpireTime is the first moment it is not. Zero: it does not expire.
	ExpireTime   time.Time
	RevokeReason RevokeReason
	RevokeNote   string
	RevokeTime   time.Time
	// Secrets are the key's secrets, newest first: the one in use, the one
	// before it, and then those that are remembered only to be recognised. A
	// live key has at least one.
	Secrets    []Secret
	Version    int64
	CreateTime time.Time
	UpdateTime time.Time
	DeleteTime time.Time
	CreatedBy  UserRef
}

// User names the key's user.
func (k *Key) User() UserRef { return UserRef{TenantID: k.TenantID, ID: k.UserID} }

// MaxSecrets is how many secrets of a key are remembered, the one in use
// included. A secret older than that is forgotten, and then simply unknown.
const MaxSecrets = 8

// Digest is what is stored of a secret: SHA-256 of it, or HMAC-SHA256 of that
// under a pepper (DESIGN section 4).
type Digest [32]byte

// Secret is what is remembered of one secret of a key.
type Secret struct {
	Digest Digest
	// PepperID names the pepper the digest was made with; empty is none.
	PepperID string
	// Prefix and LastFour are what listings show of it.
	Prefix   string
	LastFour string
	// CreateTime is when it was issued.
	CreateTime time.Time
	// EndTime is when it ends by itself, apart from the key. Zero: it is the
	// secret in use.
	EndTime time.Time
}
