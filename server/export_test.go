package server

// What tests of this package's outside need of its inside.
const RequestIDPrefixForTest = requestIDPrefix

var EveryMethodHasPolicyForTest = everyMethodHasPolicy
