// Command readme runs what the documents tell a reader to run: every fenced sh
// block of README.md and docs/*.md, in order, one shell for each document, in
// a fresh copy of the tree. A block that fails ends the run and is named by
// its line. CONTRIBUTING.md has the conventions that steer it.
//
// It is a program and not a test, because the tests are one of the commands
// that a README names, and because a shell would need to be written in shell.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	patience := flag.Duration("ready", 5*time.Minute, "how long a background block may take to be ready, building included")
	limit := flag.Duration("limit", 15*time.Minute, "how long all documents together may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, *limit)
	err := runDocuments(ctx, os.Stdout, flag.Args(), *patience)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runDocuments runs the named documents, or README.md and docs/*.md.
func runDocuments(ctx context.Context, out io.Writer, names []string, patience time.Duration) error {
	if len(names) == 0 {
		more, err := filepath.Glob("docs/*.md")
		if err != nil {
			return err
		}
		names = append([]string{"README.md"}, more...)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		doc, err := parseDocument(name, string(text))
		if err != nil {
			return err
		}
		if err := runDocument(ctx, out, doc, patience); err != nil {
			return err
		}
	}
	return nil
}

func runDocument(ctx context.Context, out io.Writer, doc document, patience time.Duration) (err error) {
	if doc.skipAll != "" {
		fmt.Fprintf(out, "%s: not run: %s\n", doc.name, doc.skipAll)
		return nil
	}
	if len(doc.steps) == 0 {
		fmt.Fprintf(out, "%s: nothing to run\n", doc.name)
		return nil
	}
	work, err := os.MkdirTemp("", "keystile-readme-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	tree := filepath.Join(work, "keystile")
	if output, err := exec.CommandContext(ctx, "scripts/copy-tree.sh", tree).CombinedOutput(); err != nil {
		return fmt.Errorf("copying the tree: %w\n%s", err, output)
	}
	database, removeDatabase, err := database(doc) //nolint:contextcheck // a test cluster is started as tests do
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeDatabase()) }()
	moved, err := freePorts(ctx)
	if err != nil {
		return err
	}
	shell, err := openSession(ctx, tree, work, append(plainEnvironment(), moved.env...))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shell.close()) }()

	known := map[string]string{exampleDatabase: database}
	run := runner{out: out, doc: doc, shell: shell, moved: moved, patience: patience, known: known}
	for i, st := range doc.steps {
		if err := run.step(ctx, i+1, st); err != nil {
			return fmt.Errorf("%s:%d: %w", doc.name, st.line, errors.Join(err, ctx.Err()))
		}
	}
	return nil
}

// runner carries what one document's steps share.
type runner struct {
	out      io.Writer
	doc      document
	shell    *session
	moved    ports
	patience time.Duration
	known    map[string]string // placeholder to what was captured for it
}

func (r *runner) step(ctx context.Context, number int, st step) error {
	begun := time.Now()
	if st.stop {
		if err := r.shell.stop(); err != nil {
			return err
		}
	}
	if st.skip != "" {
		fmt.Fprintf(r.out, "%s:%d: not run: %s\n", r.doc.name, st.line, st.skip)
		return nil
	}
	st.text = r.moved.move(st.text)
	for placeholder, value := range r.known {
		st.text = strings.ReplaceAll(st.text, placeholder, value)
	}
	output, err := r.perform(ctx, number, st)
	if err == nil {
		err = r.judge(st, output)
	}
	if err != nil {
		return fmt.Errorf("%w\nthe commands:\n%sthe output:\n%s", err, indent(st.text), indent(output))
	}
	fmt.Fprintf(r.out, "%s:%d: ok, %.1f s\n", r.doc.name, st.line, time.Since(begun).Seconds())
	return nil
}

// perform runs the step, or starts it and waits until it is ready.
func (r *runner) perform(ctx context.Context, number int, st step) (string, error) {
	if !st.background {
		return r.shell.run(number, st)
	}
	b, err := r.shell.start(number, st)
	if err != nil {
		return "", err
	}
	waiting, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	err = b.await(waiting, r.moved.move(st.ready), func(output string) error { return r.judge(st, output) })
	return b.written(), err
}

// judge holds the output against what the comments expect of it, and keeps
// what they capture.
func (r *runner) judge(st step, output string) error {
	for _, text := range st.expect {
		if !strings.Contains(output, r.moved.move(text)) {
			return fmt.Errorf("the output does not contain %q", text)
		}
	}
	for _, c := range st.capture {
		value, ok := c.find(output)
		if !ok {
			return fmt.Errorf("nothing in the output matches %s, to be shown as %s", c.pattern, c.placeholder)
		}
		r.known[c.placeholder] = value
	}
	return nil
}

// plainEnvironment leaves out what the caller has set for Keystile: a reader
// begins without.
func plainEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(setting string) bool {
		return strings.HasPrefix(setting, "KEYSTILE_")
	})
}

func indent(text string) string {
	if text == "" {
		return "    (none)\n"
	}
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ") + "\n"
}
