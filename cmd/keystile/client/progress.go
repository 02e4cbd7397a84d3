package client

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// progress tells a person how far something is: on a screen by one line that is
// written again and again, elsewhere by a line each time.
type progress struct {
	to     io.Writer
	screen bool
	total  int
	done   int
}

func newProgress(to io.Writer, total int) *progress {
	file, ok := to.(*os.File)
	return &progress{to: to, screen: ok && term.IsTerminal(int(file.Fd())), total: total}
}

// begin shows that nothing is done yet.
func (p *progress) begin() {
	if p.screen {
		p.show()
	}
}

// advance says that n more are done.
func (p *progress) advance(n int) {
	p.done += n
	// The file may have grown since it was counted.
	p.total = max(p.total, p.done)
	p.show()
}

func (p *progress) show() {
	if !p.screen {
		_, _ = fmt.Fprintf(p.to, "%d of %d keys\n", p.done, p.total)
		return
	}
	const width = 40
	full := width * p.done / p.total
	_, _ = fmt.Fprintf(p.to, "\r[%s%s] %d of %d keys", strings.Repeat("#", full), strings.Repeat(".", width-full), p.done, p.total)
}

// end ends the line on the screen, so that what follows stands below it.
func (p *progress) end() {
	if p.screen {
		_, _ = fmt.Fprintln(p.to)
	}
}
