package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// background is a step that goes on while later steps run: a server.
type background struct {
	pid      int // also its process group
	terminal *os.File
	ended    chan struct{} // closed once no process has the terminal open

	mu     sync.Mutex
	output bytes.Buffer
}

// openTerminal makes a pseudo-terminal and names its other side.
func openTerminal() (*os.File, string, error) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, "", err
	}
	fd := int(terminal.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, "", errors.Join(err, terminal.Close())
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, "", errors.Join(err, terminal.Close())
	}
	// A wide window, so that nothing a reader would copy is wrapped.
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 500}); err != nil {
		return nil, "", errors.Join(err, terminal.Close())
	}
	return terminal, "/dev/pts/" + strconv.Itoa(number), nil
}

// watch collects what a background step writes until it ends.
func watch(pid int, terminal *os.File) *background {
	b := &background{pid: pid, terminal: terminal, ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		buffer := make([]byte, 4096)
		for {
			n, err := terminal.Read(buffer)
			b.mu.Lock()
			b.output.Write(bytes.ReplaceAll(buffer[:n], []byte("\r\n"), []byte("\n")))
			b.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return b
}

// written is all that it has written so far.
func (b *background) written() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.output.String()
}

// await waits until url answers 200 and done approves of the output.
func (b *background) await(ctx context.Context, url string, done func(output string) error) error {
	for {
		err := done(b.written())
		if err == nil && url != "" {
			err = answers(ctx, url)
		}
		if err == nil {
			return nil
		}
		select {
		case <-b.ended:
			return fmt.Errorf("it ended early: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func answers(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, response.Status)
	}
	return errors.Join(err, response.Body.Close())
}

// stop asks the whole group to end and, past the patience, ends it. A server
// that needs the second is a failure: a reader would be left waiting too.
func (b *background) stop(patience time.Duration) error {
	defer func() { _ = b.terminal.Close() }()
	if err := syscall.Kill(-b.pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	select {
	case <-b.ended:
		return nil
	case <-time.After(patience):
	}
	if err := syscall.Kill(-b.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return fmt.Errorf("process %d did not end within %s of SIGTERM", b.pid, patience)
}
