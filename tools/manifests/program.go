package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// patience is how long the server may take for what it does here at once.
const patience = 20 * time.Second

// program is the server that the manifests are for. What it knows is asked of
// itself, so that a renamed setting is found here and not in a cluster.
type program struct {
	path string

	mu sync.Mutex
	// told keeps what was asked before: the same question has the same answer.
	told map[string]answer
}

// answer is what the program said to one question, of whichever kind.
type answer struct {
	settings settings
	text     string
	good     map[string]bool
	err      error
}

// ask asks the program, unless it has answered this question before.
func (p *program) ask(question string, ask func() answer) answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a, ok := p.told[question]; ok {
		return a
	}
	a := ask()
	if p.told == nil {
		p.told = map[string]answer{}
	}
	p.told[question] = a
	return a
}

// settings are what one command knows.
type settings struct {
	// flags and variables are names, such as --drain-delay and KEYSTILE_DRAIN_DELAY.
	flags, variables map[string]bool
	// defaults are values by variable, where the help shows one.
	defaults map[string]string
}

var (
	flagName     = regexp.MustCompile(`--([a-z][a-z0-9-]*)`)
	variableName = regexp.MustCompile(`\$(KEYSTILE_[A-Z0-9_]+)`)
	flagDefault  = regexp.MustCompile(`--[a-z-]+=(\S+)`)
)

// settingsOf asks a command for its help.
func (p *program) settingsOf(ctx context.Context, command string) (settings, error) {
	a := p.ask("help "+command, func() answer {
		out, err := p.command(ctx, nil, command, "--help").Output()
		if err != nil {
			return answer{err: fmt.Errorf("keystile %s: no such command: %w", command, err)}
		}
		return answer{settings: readHelp(string(out))}
	})
	return a.settings, a.err
}

// readHelp finds flags and variables in a help text: a flag's paragraph begins
// with its name and may end with its variable.
func readHelp(text string) settings {
	s := settings{flags: map[string]bool{}, variables: map[string]bool{}, defaults: map[string]string{}}
	var value string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "-") {
			value = ""
			for _, name := range flagName.FindAllString(strings.SplitN(line, "  ", 2)[0], -1) {
				s.flags[name] = true
			}
			if match := flagDefault.FindStringSubmatch(line); match != nil {
				value = strings.Trim(match[1], `"`)
			}
		}
		for _, match := range variableName.FindAllStringSubmatch(line, -1) {
			s.variables[match[1]] = true
			s.defaults[match[1]] = value
		}
	}
	return s
}

// command prepares a run in a clean environment.
func (p *program) command(ctx context.Context, env map[string]string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path, args...) //nolint:gosec // the server that was just built
	cmd.Env = []string{"PATH=/nowhere"}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	return cmd
}

// refusal starts the server with settings that it should not start with, and
// gives what it says. peppers is what the pepper file holds, if one is set.
func (p *program) refusal(ctx context.Context, env map[string]string, peppers string) (string, error) {
	a := p.ask(fmt.Sprintf("serve %q %q", env, peppers), func() answer {
		text, err := p.refuse(ctx, env, peppers)
		return answer{text: text, err: err}
	})
	return a.text, a.err
}

func (p *program) refuse(ctx context.Context, env map[string]string, peppers string) (string, error) {
	dir, err := os.MkdirTemp("", "manifests")
	if err != nil {
		return "", fmt.Errorf("making a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if _, ok := env["KEYSTILE_PEPPER_FILE"]; ok {
		file := filepath.Join(dir, "peppers")
		if err := os.WriteFile(file, []byte(peppers), 0o600); err != nil {
			return "", fmt.Errorf("writing the peppers: %w", err)
		}
		env = maps.Clone(env)
		env["KEYSTILE_PEPPER_FILE"] = file
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := p.command(ctx, env, "serve")
	cmd.Dir = dir
	said, err := p.start(cmd)
	if err != nil {
		return "", err
	}
	defer func() { cancel(); said.end() }()
	text, listening := said.until(`"msg":"listening"`)
	if listening || ctx.Err() != nil {
		return "", errors.New("the server starts with them")
	}
	return text, nil
}

// output is what a started program says.
type output struct {
	io.Reader

	ended chan struct{}
}

// start starts a program whose context ends it.
func (p *program) start(cmd *exec.Cmd) (*output, error) {
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	out := &output{Reader: read, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		_ = write.Close()
		close(out.ended)
	}()
	return out, nil
}

// until reads until the program says something, or has ended.
func (o *output) until(what string) (string, bool) {
	var text strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := o.Read(buffer)
		text.Write(buffer[:n])
		if strings.Contains(text.String(), what) || err != nil {
			return text.String(), err == nil
		}
	}
}

// end drops what else is said, until the program has ended.
func (o *output) end() {
	_, _ = io.Copy(io.Discard, o)
	<-o.ended
}

var listeningOps = regexp.MustCompile(`"ops":"([^"]+)"`)

// answers tells which of the paths the operations listener of a fresh server
// answers with 200.
func (p *program) answers(ctx context.Context, paths []string) (map[string]bool, error) {
	a := p.ask(fmt.Sprintf("answer %q", paths), func() answer {
		good, err := p.operations(ctx, paths)
		return answer{good: good, err: err}
	})
	return a.good, a.err
}

func (p *program) operations(ctx context.Context, paths []string) (map[string]bool, error) {
	dir, err := os.MkdirTemp("", "manifests")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	said, err := p.start(p.command(ctx, nil, "serve", "--data-dir", dir, "--bootstrap-key-file", dir+"/key",
		"--grpc-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	defer func() { cancel(); said.end() }()
	log, ready := said.until(`"msg":"ready"`)
	ops := listeningOps.FindStringSubmatch(log)
	if !ready || ops == nil {
		return nil, fmt.Errorf("the server did not get ready: %s", log)
	}
	out := map[string]bool{}
	for _, path := range paths {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ops[1]+path, nil)
		if err != nil {
			return nil, fmt.Errorf("asking for %s: %w", path, err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, fmt.Errorf("asking for %s: %w", path, err)
		}
		_ = resp.Body.Close()
		out[path] = resp.StatusCode == http.StatusOK
	}
	return out, nil
}
