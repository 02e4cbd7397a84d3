package server

import "context"

// What tests of this package's outside need of its inside.
const RequestIDPrefixForTest = requestIDPrefix

var EveryMethodHasPolicyForTest = everyMethodHasPolicy

// FlushUsageForTest writes noted times of use at once.
func (s *Service) FlushUsageForTest(ctx context.Context) { s.flushUsage(ctx) }
