package access

// Reason says why a check was allowed or refused. The zero Reason denies. The
// numbers are those of keystile.v1.Verdict.Reason.
type Reason uint8

// The reasons of this release. The order in which they are looked for is that
// of the steps.
const (
	NoReason         Reason = 0
	Allowed          Reason = 1
	StoreUnavailable Reason = 2
	KeyMissing       Reason = 3
	KeyMalformed     Reason = 4
	KeyNotFound      Reason = 5
	TenantSuspended  Reason = 6
	InvalidUser      Reason = 7
	KeyRevoked       Reason = 8
	KeyDisabled      Reason = 9
	KeySuperseded    Reason = 10
	KeyNotYetValid   Reason = 11
	KeyExpired       Reason = 12
	ClientIPDenied   Reason = 13
	PermissionDenied Reason = 14

	RequestMalformed     Reason = 15
	APINotFound          Reason = 16
	APIRetired           Reason = 17
	KeyAPIDenied         Reason = 18
	SubscriptionRequired Reason = 19
	SubscriptionPending  Reason = 20
	SubscriptionRejected Reason = 21
	SubscriptionPaused   Reason = 22
	SubscriptionExpired  Reason = 23
	RateLimited          Reason = 24
	QuotaExceeded        Reason = 25
)

// String gives the reason's stable name, such as "KEY_EXPIRED".
func (r Reason) String() string { return r.Entry().Name }

// Entry gives the reason's row in the table. A Reason outside the table gets
// the row of StoreUnavailable: what is not known is never an answer.
func (r Reason) Entry() Entry {
	for i := range entries {
		if entries[i].Reason == r {
			return entries[i]
		}
	}
	return entries[len(entries)-1]
}

// Identified tells whether a verdict with this reason may say whose key it was:
// only when the whole secret matched, so that who asks holds it already.
func (r Reason) Identified() bool { return r == Allowed || r >= TenantSuspended }
