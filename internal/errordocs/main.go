// Command errordocs writes docs/errors.md from the table of reasons, so that the
// page and the code can't disagree. 'make generate' runs it.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/keystile/keystile/server/access"
)

const intro = `# Why a check was refused

<!-- Generated from server/access/reasons.go by 'make generate'; change it there. -->
<!-- ci: skip-all the commands name keys and users that are the reader's -->

Every check is answered with one of these reasons; the first that applies, in this order, is the one you get. A refusal
over REST or gRPC looks like this (HTTP 200, or gRPC OK: a refusal is an answer):

` + "```json" + `
{
  "allowed": false,
  "reason": "KEY_EXPIRED",
  "message": "the API key has expired, at 2026-11-01T00:00:00Z",
  "remedy": "Ask an administrator to extend the key or to issue a new one.",
  "documentationUrl": "https://github.com/keystile/keystile/blob/main/docs/errors.md#key_expired",
  "decisionId": "dec_7x0mb6dq1v8w2k9c4n5zt3hjra",
  "identity": {"tenantId": "acme", "userId": "ada", "keyId": "key_4t8h2k0x6v1m9c3q7z5rwbnjda"}
}
` + "```" + `

The HTTP status below is what a gateway gives its client, and what a caller of the management API gets when the reason is
about its own key. Reasons from TENANT_SUSPENDED on are told only to who presented the whole secret.

| reason | HTTP status | gRPC code | message |
| --- | --- | --- | --- |
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "errordocs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: errordocs FILE")
	}
	if err := os.WriteFile(args[0], []byte(page()), 0o644); err != nil { //nolint:gosec // a page for everybody
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

func page() string {
	var b strings.Builder
	b.WriteString(intro)
	for _, e := range access.Entries() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %d | %s | %s |\n", e.Name, strings.ToLower(e.Name), e.HTTPStatus, e.Code, e.Message)
	}
	for _, e := range access.Entries() {
		fmt.Fprintf(&b, "\n## %s\n\n**%s** (HTTP %d, gRPC %s)\n\n", e.Name, e.Message, e.HTTPStatus, e.Code)
		fmt.Fprintf(&b, "*Cause.* %s\n\n*Cure.* %s\n\n*For an administrator:*\n\n```console\n", e.Cause, e.Remedy)
		for line := range strings.SplitSeq(e.Cure, "\n") {
			fmt.Fprintf(&b, "$ %s\n", line)
		}
		b.WriteString("```\n")
	}
	return b.String()
}
