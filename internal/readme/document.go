package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// step is one fenced sh block and what its comments ask of it.
type step struct {
	line       int    // of the opening fence
	text       string // the commands, as they stand
	skip       string // why it is not run; empty runs it
	background bool
	ready      string // for a background step: the address that answers 200 when it is up
	exit       int
	expect     []string
	capture    []capture
	stop       bool // end what runs in the background first
}

// capture finds something in a step's output that the reader would copy, and
// puts it wherever a later step shows the placeholder.
type capture struct {
	placeholder string
	pattern     *regexp.Regexp
}

// document is one Markdown file, read.
type document struct {
	name    string
	skipAll string // why nothing in it is run
	steps   []step
}

// comment is what a convention looks like: <!-- ci: WORD REST -->, alone on its line.
var comment = regexp.MustCompile(`^<!-- ci: ([a-z-]+)(?: (.*\S))? -->$`)

// otherShells are fences that a reader would run and this program would not.
var otherShells = map[string]bool{"bash": true, "shell": true, "console": true, "zsh": true}

// parseDocument reads a document's sh blocks. Comments belong to the next
// block; one without a block, or one that is not understood, is an error, so
// that a misspelled convention can't quietly leave something out.
func parseDocument(name, text string) (document, error) {
	doc := document{name: name}
	var next step
	pending := 0 // the line of the first comment that waits for its block
	var problems []error
	problem := func(line int, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s:%d: %s", name, line, fmt.Sprintf(format, args...)))
	}

	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		if found := comment.FindStringSubmatch(line); found != nil {
			if found[1] == "skip-all" {
				if found[2] == "" {
					problem(i+1, "skip-all needs a reason")
					continue
				}
				// Nothing is read any further, so nothing is judged.
				return document{name: name, skipAll: found[2]}, errors.Join(problems...)
			}
			if err := next.apply(found[1], found[2]); err != nil {
				problem(i+1, "%v", err)
			}
			if pending == 0 {
				pending = i + 1
			}
			continue
		}
		if strings.HasPrefix(line, "<!-- ci:") {
			problem(i+1, "not understood: %s", line)
			continue
		}
		language, opens := strings.CutPrefix(line, "```")
		if !opens {
			continue
		}
		begin := i
		indent, _, _ := strings.Cut(lines[i], "```")
		var block []string
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
			block = append(block, strings.TrimPrefix(lines[i], indent))
		}
		if i == len(lines) {
			problem(begin+1, "this fence is never closed")
			break
		}
		if otherShells[language] {
			problem(begin+1, "write ```sh, so that it is run, or ```text, if it is output")
		}
		if language != "sh" {
			continue
		}
		next.line, next.text = begin+1, strings.Join(block, "\n")+"\n"
		doc.steps = append(doc.steps, next)
		next, pending = step{}, 0
	}
	if pending != 0 {
		problem(pending, "no ```sh block follows this comment")
	}
	return doc, errors.Join(problems...)
}

// apply adds what one comment asks.
func (s *step) apply(word, rest string) error {
	switch word {
	case "skip":
		if rest == "" {
			return errors.New("skip needs a reason")
		}
		s.skip = rest
	case "background":
		s.background, s.ready = true, rest
	case "stop":
		s.stop = true
	case "expect":
		if rest == "" {
			return errors.New("expect needs the text to look for")
		}
		s.expect = append(s.expect, rest)
	case "exit":
		if _, err := fmt.Sscanf(rest, "%d", &s.exit); err != nil || s.exit == 0 {
			return errors.New("exit needs a status other than 0")
		}
	case "capture":
		placeholder, pattern, ok := strings.Cut(rest, " ")
		if !ok {
			return errors.New("capture needs a placeholder and a regular expression")
		}
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			return err
		}
		s.capture = append(s.capture, capture{placeholder, compiled})
	default:
		return fmt.Errorf("unknown convention %q", word)
	}
	return nil
}

// find gives what the capture matches in a step's output: its first group, or
// all of it.
func (c capture) find(output string) (string, bool) {
	found := c.pattern.FindStringSubmatch(output)
	switch {
	case found == nil:
		return "", false
	case len(found) > 1:
		return found[1], true
	default:
		return found[0], true
	}
}
