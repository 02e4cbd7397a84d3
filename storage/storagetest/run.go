package storagetest

import (
	"testing"

	"github.com/keystile/keystile/storage"
)

// Backend is a kind of store to be tested.
type Backend struct {
	// Open gives an empty store, ready for use, that goes with the test.
	Open func(t *testing.T) storage.Store
	// Spoil makes a field of a record unreadable behind the store's back.
	Spoil func(t *testing.T, s storage.Store, ref storage.ChangeRef)
}

// Run runs the suite. Each part has a store of its own.
func Run(t *testing.T, b Backend) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, *suite)
	}{
		{"records come back as they were written", testRecords},
		{"what is not there is not found", testNotFound},
		{"ids are case-sensitive", testCaseSensitiveIDs},
		{"digests compare byte by byte", testDigests},
		{"ids and digests are taken once", testExists},
		{"records need what they refer to", testReferences},
		{"updates count versions", testUpdates},
		{"secrets are forgotten and added", testSecrets},
		{"values that can't be kept are refused", testInvalid},
		{"what is read is a copy", testCopies},
		{"lists of a tenant", testTenantLists},
		{"roles", testRoles},
		{"the directory comes back as it was written", testDirectory},
		{"the directory's updates count versions", testDirectoryUpdates},
		{"the flags of an API are kept apart", testAPIFlags},
		{"what is deleted from the directory is gone", testDirectoryDeletes},
		{"the directory keeps its references", testDirectoryReferences},
		{"the directory's ids are case-sensitive", testDirectoryIDs},
		{"plans", testPlans},
		{"updates of plans count versions", testPlanUpdates},
		{"plans keep their references", testPlanReferences},
		{"subscriptions with a plan are counted", testCountPlanned},
		{"a plan goes or is given, not both", testPlanGoesOrIsGiven},
		{"limits that can't be counted with are refused", testInvalidLimits},
		{"limits are written out when read", testLimitsWrittenOut},
		{"pages by id", testPagesByID},
		{"pages of subscriptions", testSubscriptionPages},
		{"subscriptions are found", testFindSubscriptions},
		{"hosts are claimed one after another", testLockHosts},
		{"many keys are created at once", testCreateKeys},
		{"of many keys those taken are named", testTakenKeys},
		{"many keys are created once", testCreateKeysTogether},
		{"purging takes what belongs to it along", testPurge},
		{"purging goes on where it stopped", testPurgeGoesOn},
		{"the last use of keys and users is kept", testUsage},
		{"uses are marked together", testUsageTogether},
		{"decisions are kept for a while", testDecisions},
		{"tokens of rate limits are taken and come back", testRates},
		{"what no rate limit is gives nothing", testSenselessRates},
		{"tokens come back by the store's clock", testRatesComeBack},
		{"many rate limits are asked at once", testManyRates},
		{"rate limits are taken from together", testRatesTogether},
		{"units of quotas are taken and come back", testQuotas},
		{"quotas have periods", testQuotaPeriods},
		{"many quotas are drawn on at once", testManyQuotas},
		{"quotas are drawn on together", testQuotasTogether},
		{"credits are granted", testGrants},
		{"quotas are reset", testQuotaResets},
		{"what a purged tenant's quotas had is forgotten", testQuotaPurge},
		{"pages survive inserts", testPages},
		{"peppers are counted", testPeppers},
		{"an error leaves nothing behind", testRollback},
		{"a cancelled call leaves nothing behind", testCancelled},
		{"decisions on a count are made one after another", testCounting},
		{"concurrent updates lose nothing", testConcurrentUpdates},
		{"transactions that lock each other out are run again", testDeadlock},
		{"revisions have no gaps", testRevisions},
		{"a follower sees every change", testFollower},
		{"a follower elsewhere takes a snapshot", testReset},
		{"a follower of a lost tail is told", testLostTail},
		{"replicas hold leases", testReplicas},
		{"a snapshot is whole", testSnapshot},
		{"a snapshot is of one moment", testOneMoment},
		{"audit chains hold", testAuditChain},
		{"audit events page", testAuditPages},
		{"replies are remembered", testReplies},
		{"unreadable records are refused, not lost", testUnreadable},
		{"unreadable records of the directory are refused, not lost", testUnreadableDirectory},
		{"an unreadable plan refuses, and is not lost", testUnreadablePlan},
		{"a closed store refuses", testClosed},
	} {
		t.Run(part.name, func(t *testing.T) {
			part.run(t, &suite{Backend: b, store: b.Open(t)})
		})
	}
}

// suite is what one part of the tests works with.
type suite struct {
	Backend
	store storage.Store
}
