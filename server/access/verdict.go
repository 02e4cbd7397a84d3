package access

import "time"

// Verdict is the outcome of a decision. The zero Verdict denies.
type Verdict struct {
	Reason Reason
	// Missing says what PERMISSION_DENIED is about.
	Missing Lack
	// Limit names what RATE_LIMITED and QUOTA_EXCEEDED are about: "m of the key".
	Limit string
	// Warnings tell of what will end an allowed call soon.
	Warnings []Warning
}

// Allowed tells whether the call may go ahead.
func (v Verdict) Allowed() bool { return v.Reason == Allowed }

// Lack names a permission that was asked and is not held.
type Lack struct {
	Permission string
	// From says what lacks it.
	From MissingFrom
}

// MissingFrom says whether the user's roles or the key's scopes lack a
// permission. The zero value is that nothing is missing.
type MissingFrom string

// What can lack a permission.
const (
	FromRole  MissingFrom = "role"
	FromScope MissingFrom = "scope"
)

// WarningKind says what a warning is about. The numbers are those of
// keystile.v1.Warning.Kind.
type WarningKind uint8

// The kinds of warning.
const (
	ExpiresSoon      WarningKind = 1
	SecretSuperseded WarningKind = 2
	APIDeprecated    WarningKind = 3
)

// Warning tells of something that will end an allowed call.
type Warning struct {
	Kind WarningKind
	// Time is by when to act, UTC; zero when that is not decided.
	Time time.Time
}

// ExpiryNotice is how long before a key's end its checks begin to warn.
const ExpiryNotice = 7 * 24 * time.Hour
