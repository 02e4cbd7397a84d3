package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// loop is the shell of a document: it reads the names of files on descriptor 3,
// runs each in itself, so that variables and the working directory last, and
// writes the status on descriptor 4. Nothing a step runs sees those two.
const loop = `
while IFS=' ' read -r how file <&3; do
  case $how in
  background)
    setsid bash -euo pipefail "$file" <"$file.tty" >"$file.tty" 2>&1 3<&- 4>&- &
    echo "$!" >&4 ;;
  strict)
    # Under errexit a failing command ends this shell, and so names the step.
    set -euo pipefail
    source "$file" </dev/null >"$file.out" 2>&1 3<&- 4>&-
    set +euo pipefail
    echo 0 >&4 ;;
  lenient)
    source "$file" </dev/null >"$file.out" 2>&1 3<&- 4>&-
    echo "$?" >&4 ;;
  esac
done`

// session is one document's shell, in its own copy of the tree.
type session struct {
	dir     string // where the steps and their outputs are kept
	shell   *exec.Cmd
	ask     *os.File
	answer  *bufio.Reader
	running []*background
	files   []io.Closer
}

// openSession starts the shell in tree with the given environment.
func openSession(ctx context.Context, tree, dir string, env []string) (*session, error) {
	askRead, askWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	answerRead, answerWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	shell := exec.CommandContext(ctx, "bash", "--noprofile", "--norc", "-c", loop)
	shell.Dir, shell.Env = tree, env
	shell.ExtraFiles = []*os.File{askRead, answerWrite}
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	if err := shell.Start(); err != nil {
		return nil, err
	}
	// The shell has its own ends now. Ours must go, or its death is never seen.
	if err := errors.Join(askRead.Close(), answerWrite.Close()); err != nil {
		return nil, err
	}
	return &session{
		dir: dir, shell: shell, ask: askWrite, answer: bufio.NewReader(answerRead),
		files: []io.Closer{askWrite, answerRead},
	}, nil
}

// run runs a step to its end and gives what it wrote.
func (s *session) run(number int, st step) (output string, err error) {
	file, err := s.write(number, st)
	if err != nil {
		return "", err
	}
	how := "strict"
	if st.exit != 0 {
		how = "lenient"
	}
	status, err := s.send(how, file)
	written, readErr := os.ReadFile(file + ".out")
	if readErr != nil {
		return "", errors.Join(err, readErr)
	}
	output = string(written)
	if err != nil {
		return output, err
	}
	if status != st.exit {
		return output, fmt.Errorf("ended with status %d, want %d", status, st.exit)
	}
	return output, nil
}

// start runs a step in the background, on a terminal of its own, as the
// reader has one.
func (s *session) start(number int, st step) (*background, error) {
	file, err := s.write(number, st)
	if err != nil {
		return nil, err
	}
	terminal, name, err := openTerminal()
	if err != nil {
		return nil, fmt.Errorf("opening a terminal: %w", err)
	}
	if err := os.Symlink(name, file+".tty"); err != nil {
		return nil, errors.Join(err, terminal.Close())
	}
	pid, err := s.send("background", file)
	if err != nil {
		return nil, errors.Join(err, terminal.Close())
	}
	b := watch(pid, terminal)
	s.running = append(s.running, b)
	return b, nil
}

func (s *session) write(number int, st step) (string, error) {
	file := filepath.Join(s.dir, "step-"+strconv.Itoa(number))
	return file, os.WriteFile(file, []byte(st.text), 0o600)
}

// send gives the shell one file and waits for the number it answers.
func (s *session) send(how, file string) (int, error) {
	if _, err := fmt.Fprintf(s.ask, "%s %s\n", how, file); err != nil {
		return 0, fmt.Errorf("the document's shell has ended: %w", err)
	}
	line, err := s.answer.ReadString('\n')
	if errors.Is(err, io.EOF) {
		return 0, errors.New("a command failed")
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line))
}

// stop ends what runs in the background and gives it time to do so well.
func (s *session) stop() error {
	var problems []error
	for _, b := range s.running {
		if err := b.stop(20 * time.Second); err != nil {
			problems = append(problems, err)
		}
	}
	s.running = nil
	return errors.Join(problems...)
}

// close ends the shell and all that it started.
func (s *session) close() error {
	err := s.stop()
	for _, file := range s.files {
		err = errors.Join(err, file.Close())
	}
	// With its input closed the shell leaves its loop; a failed one has left
	// already, and how is known from the step.
	waited := s.shell.Wait()
	var exit *exec.ExitError
	if waited != nil && !errors.As(waited, &exit) {
		err = errors.Join(err, waited)
	}
	return err
}
