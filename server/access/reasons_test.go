package access_test

import (
	"strings"
	"testing"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
)

// The table, the contract and the wire agree on every reason.
func TestEveryReasonIsInTheTableAndTheContract(t *testing.T) {
	inTable := map[int32]bool{}
	for _, e := range access.Entries() {
		inTable[int32(e.Reason)] = true
		if got := pb.Verdict_Reason(e.Reason).String(); got != e.Name {
			t.Errorf("reason %d is %s here and %s in the contract", e.Reason, e.Name, got)
		}
		if e.Message == "" || e.Remedy == "" || e.Cause == "" || e.Cure == "" || strings.Contains(e.Message, "\n") {
			t.Errorf("%s: a text is missing, or too long", e.Name)
		}
		if codes := map[int]string{200: "OK", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}; codes[e.HTTPStatus] != e.Code {
			t.Errorf("%s: %d and %s do not go together", e.Name, e.HTTPStatus, e.Code)
		}
	}
	for number, name := range pb.Verdict_Reason_name {
		if number != 0 && !inTable[number] {
			t.Errorf("%s is in the contract, but not in the table", name)
		}
	}
	if got, want := access.InvalidUser.Entry().Message, "invalid user associated with this key"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
