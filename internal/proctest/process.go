package proctest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a running program.
type Process struct {
	cmd *exec.Cmd
	// done closes when the program has ended.
	done chan struct{}
	// logPath is what it wrote.
	logPath string
}

// Launch starts a program that gets death when the test binary goes away. What it
// writes goes into a file of its folder.
func Launch(folder, logName string, death syscall.Signal, path string, args ...string) (*Process, error) {
	p := &Process{done: make(chan struct{}), logPath: filepath.Join(folder, logName)}
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", path, err)
	}
	p.cmd = exec.Command(path, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = folder, log, log
	p.cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	p.cmd.SysProcAttr = attributes(death)
	started := make(chan error)
	go func() {
		// The kernel counts the thread that started a child as its parent, so
		// that thread must live as long; it is never given back.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
		_ = log.Close()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return p, nil
}

// End sends a signal and waits, and kills what does not heed it.
func (p *Process) End(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %v: %w", signal, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not heed signal %v: %s", p.cmd.Path, signal, p.Tail())
	}
}

// Crash kills the program and what it has started, as a machine that fails does: a
// server's other processes would go on for a moment, and end what they are at.
func (p *Process) Crash() error {
	all := children(p.cmd.Process.Pid)
	err := p.End(syscall.SIGKILL)
	for _, child := range all {
		if p, err := os.FindProcess(child); err == nil {
			_ = p.Kill()
		}
	}
	return err
}

// Signal sends a signal, and does not wait.
func (p *Process) Signal(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("signal %v: %w", signal, err)
	}
	return nil
}

// Path is the program's.
func (p *Process) Path() string { return p.cmd.Path }

// Ended tells whether the program has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Tail gives the end of what the program wrote.
func (p *Process) Tail() string {
	const most = 4 << 10
	text, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// Run runs a program to its end.
func Run(folder, path string, args ...string) error {
	p, err := Launch(folder, filepath.Base(path)+".log", syscall.SIGKILL, path, args...)
	if err != nil {
		return err
	}
	<-p.done
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("%s: %v: %s", path, p.cmd.ProcessState, p.Tail())
	}
	return nil
}

// NewFolder makes a folder that who runs the programs owns. Its name begins with a
// prefix and tells whose it is, so that the next run can remove what a killed one
// left.
func NewFolder(prefix string) (string, error) {
	parent := os.TempDir()
	// The path of a socket may have 107 bytes.
	if len(parent) > 40 {
		parent = "/tmp"
	}
	sweep(parent, prefix)
	folder, err := os.MkdirTemp(parent, prefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return "", fmt.Errorf("folder: %w", err)
	}
	if uid, gid, ok := servant(); ok {
		if err := os.Chown(folder, int(uid), int(gid)); err != nil {
			return "", errors.Join(fmt.Errorf("folder: %w", err), os.RemoveAll(folder))
		}
	}
	return folder, nil
}

// sweep removes the folders of test binaries that are no more.
func sweep(parent, prefix string) {
	left, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	for _, folder := range left {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(folder), prefix), "-")
		pid, err := strconv.Atoi(owner)
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(folder)
		}
	}
}

// FreePort asks for a port that nobody listens on. Somebody may before it is
// used, so starts are tried again.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("port: %w", err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil || !ok {
		return 0, fmt.Errorf("port: %w", err)
	}
	return address.Port, nil
}

// Remove removes a folder. Processes of a killed server may still be on their
// way out and write there.
func Remove(folder string) error {
	var err error
	for range 20 {
		if err = os.RemoveAll(folder); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("folder: %w", err)
}
