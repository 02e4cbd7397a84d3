package client

import (
	"bytes"
	"strings"
	"testing"
)

func TestProgress(t *testing.T) {
	for _, c := range []struct {
		screen bool
		want   string
	}{
		{false, "10000 of 20001 keys\n20000 of 20001 keys\n20002 of 20002 keys\n"},
		{true, "\r[" + strings.Repeat(".", 40) + "] 0 of 20001 keys" +
			"\r[" + strings.Repeat("#", 19) + strings.Repeat(".", 21) + "] 10000 of 20001 keys" +
			"\r[" + strings.Repeat("#", 39) + ".] 20000 of 20001 keys" +
			"\r[" + strings.Repeat("#", 40) + "] 20002 of 20002 keys\n"},
	} {
		var out bytes.Buffer
		p := newProgress(&out, 20001)
		p.screen = c.screen
		p.begin()
		p.advance(10000)
		p.advance(10000)
		p.advance(2)
		p.end()
		if out.String() != c.want {
			t.Errorf("screen %v: got\n%q\nwant\n%q", c.screen, out.String(), c.want)
		}
	}
}
