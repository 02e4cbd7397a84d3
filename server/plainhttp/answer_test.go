package plainhttp

import (
	"strings"
	"testing"
	"time"
)

func TestTheDateMovesOn(t *testing.T) {
	var w answered
	at := time.Date(2026, 11, 24, 23, 59, 59, 900_000_000, time.FixedZone("", 3600))
	for _, want := range []string{"Tue, 24 Nov 2026 22:59:59 GMT", "Tue, 24 Nov 2026 23:00:00 GMT", "Tue, 24 Nov 2026 23:00:00 GMT"} {
		if out := string(w.write(&Answer{Status: 200}, at, false, false)); !strings.Contains(out, "\r\nDate: "+want+"\r\n") {
			t.Errorf("got %q, want %s", out, want)
		}
		at = at.Add(500 * time.Millisecond)
	}
}
