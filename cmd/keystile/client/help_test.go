package client_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/keystile/keystile/cmd/keystile/client"
)

// leaves lists the commands, as words.
func leaves(t *testing.T) [][]string {
	t.Helper()
	parser, err := kong.New(&struct{ client.Commands }{}, kong.BindTo(t.Context(), (*context.Context)(nil)))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for _, leaf := range parser.Model.Leaves(true) {
		words := strings.Fields(leaf.Path())
		for i, word := range words {
			if strings.ContainsAny(word[:1], "<[") {
				words = words[:i]
				break
			}
		}
		out = append(out, words)
	}
	return out
}

func TestEveryCommandShowsExamplesThatParse(t *testing.T) {
	d := &door{}
	for _, words := range leaves(t) {
		help := d.runAs(t, append(words, "--help")...).out
		wantPart(t, fmt.Sprint(words), help, "Examples:\n\n    ")
		_, examples, _ := strings.Cut(help, "Examples:")
		examples, _, _ = strings.Cut(examples, "\n\nFlags:")
		found := 0
		for line := range strings.Lines(examples) {
			_, command, ok := strings.Cut(line, "keystile "+strings.Join(words, " "))
			if !ok {
				continue
			}
			found++
			command, _, _ = strings.Cut(command, ">")
			parser, err := kong.New(&struct{ client.Commands }{}, kong.BindTo(t.Context(), (*context.Context)(nil)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(append(words, shellWords(strings.Trim(command, ")\n"))...)); err != nil {
				t.Errorf("the example %q: %v", strings.TrimSpace(line), err)
			}
		}
		if found == 0 {
			t.Errorf("%v: no example", words)
		}
	}
}

// shellWords splits at blanks that stand in no quotes.
func shellWords(line string) []string {
	var out []string
	var quote rune
	word, begun := "", false
	for _, c := range line + " " {
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote, begun = c, true
		case c == quote:
			quote = 0
		case quote == 0 && c == ' ':
			if begun {
				out = append(out, word)
			}
			word, begun = "", false
		default:
			word, begun = word+string(c), true
		}
	}
	return out
}

func TestExitCodesAreInTheHelp(t *testing.T) {
	d := &door{}
	for _, words := range [][]string{
		{"key"}, {"tenant"}, {"user"}, {"role"}, {"api"}, {"plan"}, {"subscription"}, {"audit"},
		{"key", "check"}, {"audit", "verify"}, {"explain"}, {"whoami"}, {"bench"},
	} {
		help := d.runAs(t, append(words, "--help")...).out
		for _, line := range strings.Split(client.ExitCodesHelp(), "\n") {
			wantPart(t, fmt.Sprint(words), help, strings.TrimSpace(line))
		}
	}
}

// Help is shown on screens and pasted into tickets.
func TestHelpHoldsNoSecret(t *testing.T) {
	for name, secret := range map[string]string{
		"KEYSTILE_KEY": adminKey, "KEYSTILE_KEY_FILE": "/nowhere/admin.key", "KEYSTILE_CHECK_SECRET": goodSecret,
	} {
		t.Setenv(name, secret)
		d := &door{env: map[string]string{name: secret}}
		for _, words := range leaves(t) {
			r := d.runAs(t, append(words, "--help")...)
			wantWithout(t, fmt.Sprint(words), r.out+r.err, secret)
		}
	}
}

// No command but the two that make a secret may print one, whatever happens.
func TestTheCallersSecretIsNeverPrinted(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.check, d.fake.manage, d.fake.told = allowed(), nil, explained()
		d.env["KEYSTILE_CHECK_SECRET"] = goodSecret
		for _, fail := range []error{nil, invalid()} {
			d.fake.err = fail
			for _, line := range []string{
				"key get " + keyID, "key list", "key check", "explain", "whoami", "key revoke-self", "api list", "tenant get acme", "user get ada", "audit list", "audit head",
				"key create --user ada", "key get", "key list --output yaml",
			} {
				for _, more := range [][]string{nil, {"-o", "json"}, {"--key", adminKey}} {
					if fail == nil && strings.HasPrefix(line, "key create") {
						continue
					}
					r := d.run(t, append(strings.Fields(line), more...)...)
					wantWithout(t, line, r.out+r.err, adminKey)
					wantWithout(t, line, r.out+r.err, goodSecret)
				}
			}
		}
	})
}
