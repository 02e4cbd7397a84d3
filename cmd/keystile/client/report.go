package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
)

// Report tells the person, or the program, what went wrong: as text, or as a
// JSON problem (RFC 9457) where the command was asked for JSON. It writes
// nothing for nil, and nothing where a command's printed result says it all.
func Report(w io.Writer, err error) {
	if err == nil {
		return
	}
	f := reported(err)
	if f.quiet {
		return
	}
	text := f.text()
	if f.json {
		text = f.problem()
	}
	// Where stderr can't be written there is nobody to tell.
	_, _ = io.WriteString(w, text)
}

func reported(err error) *failure {
	var usage *kong.ParseError
	if !errors.As(err, &usage) {
		return failureOf(err)
	}
	f := usagef("%w", err)
	f.remedy = "See the command's --help."
	if usage.Context == nil {
		return f
	}
	if remedy := wayOfSecrets(usage.Context); remedy != "" {
		f = usagef("%s", withoutArguments(err.Error(), usage.Context.Args))
		f.remedy = remedy
	}
	for _, step := range usage.Context.Path {
		if step.Flag != nil && step.Flag.Name == "output" {
			f.json = usage.Context.FlagValue(step.Flag) == "json"
		}
	}
	return f
}

// wayOfSecrets says how to give the secrets that a command asks about; nothing
// where it asks about none.
func wayOfSecrets(ctx *kong.Context) string {
	selected := ctx.Selected()
	if selected == nil {
		return ""
	}
	switch selected.Target.Addr().Interface().(type) {
	case *KeyCheck, *Explain:
		return "Give the secret to ask about by --secret-file FILE (- is stdin), by " + envCheckSecret + ", or when asked; it is never an argument."
	case *Bench:
		return "Give the secrets to ask about by --keys FILE (- is stdin); they are never arguments. See also the command's --help."
	}
	return ""
}

// minSecret is the shortest that a secret can be, in bytes.
const minSecret = 16

// withoutArguments takes out of a message what may be a secret that was typed
// where none belongs: errors end up in other people's logs.
func withoutArguments(message string, args []string) string {
	for _, arg := range args {
		if len(arg) >= minSecret && !strings.HasPrefix(arg, "-") {
			message = strings.ReplaceAll(message, arg, "[redacted]")
		}
	}
	return message
}

// text is the failure for people: a line each for what happened, what is wrong
// with which field, and what to do about it.
func (f *failure) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "keystile: %s", clean(f.message))
	if f.reason != "" {
		fmt.Fprintf(&b, " (%s)", clean(f.reason))
	}
	b.WriteString("\n")
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-9s %s\n", name+":", clean(value))
		}
	}
	for _, v := range f.violations {
		line("field", v.field+" "+v.message)
	}
	line("remedy", f.advice())
	line("docs", f.docs)
	line("decision", f.decisionID)
	line("request", f.requestID)
	return b.String()
}

// problemJSON is a problem as the REST door writes it.
type problemJSON struct {
	Type       string       `json:"type"`
	Title      string       `json:"title"`
	Status     int          `json:"status"`
	Detail     string       `json:"detail"`
	Reason     string       `json:"reason"`
	Remedy     string       `json:"remedy,omitempty"`
	RequestID  string       `json:"requestId,omitempty"`
	DecisionID string       `json:"decisionId,omitempty"`
	Errors     []fieldError `json:"errors,omitempty"`
}

type fieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// problem is the failure for programs.
func (f *failure) problem() string {
	code := f.code
	if code == codes.OK {
		switch f.exit {
		case exitUsage:
			code = codes.InvalidArgument
		case exitConflict:
			code = codes.FailedPrecondition
		default:
			code = codes.Internal
		}
	}
	reason := f.reason
	if reason == "" {
		reason = codeName(code)
	}
	httpStatus := runtime.HTTPStatusFromCode(code)
	p := problemJSON{
		Type: f.docs, Title: http.StatusText(httpStatus), Status: httpStatus,
		Detail: f.message, Reason: reason, Remedy: f.advice(), RequestID: f.requestID, DecisionID: f.decisionID,
	}
	if p.Type == "" {
		p.Type = "about:blank"
	}
	for _, v := range f.violations {
		p.Errors = append(p.Errors, fieldError{v.field, v.message})
	}
	// Strings and numbers always marshal.
	text, _ := json.MarshalIndent(p, "", "  ")
	return string(text) + "\n"
}
