package storage

import "time"

// SubscriptionState is what has been decided about a subscription. The zero
// value is no state at all, and gives no right.
type SubscriptionState string

// The states of a subscription.
const (
	SubscriptionPending  SubscriptionState = "PENDING"
	SubscriptionApproved SubscriptionState = "APPROVED"
	SubscriptionRejected SubscriptionState = "REJECTED"
	SubscriptionPaused   SubscriptionState = "PAUSED"
)

// Subscription is a user's right, or without a user a whole tenant's, to call an
// API.
type Subscription struct {
	// ID is generated and globally unique.
	ID       string
	TenantID string
	// UserID is empty when the whole tenant subscribes.
	UserID string
	API    APIRef
	State  SubscriptionState
	// Note is the subscriber's, Plan and Reason are the approver's. Plan is the id
	// of a plan of the API's tenant; a text that names none bounds nothing.
	Note   string
	Plan   string
	Reason string
	// ExpireTime is the first moment an approved subscription gives no right.
	ExpireTime time.Time
	Version    int64
	CreateTime time.Time
	UpdateTime time.Time
}
