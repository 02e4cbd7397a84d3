package completion

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

type mood string

func (*mood) Choices() []string { return []string{"good", "bad"} }

type example struct {
	Group struct {
		Shared string `short:"s" help:"Shared by all. Really."`
		Make   struct {
			Output string `short:"o" enum:"text,json" default:"text"`
			File   string `type:"path"`
			Mood   mood
			Force  bool   `negatable:""`
			Secret string `hidden:""`
			Name   string `arg:"" optional:""`
			What   string `arg:"" optional:"" enum:"this,that" default:"this"`
		} `cmd:"" help:"Make it."`
		Mend struct{} `cmd:"" help:"Mend it." aliases:"fix"`
		Mock struct{} `cmd:"" hidden:""`
	} `cmd:"" help:"A group."`
	Completion Command `cmd:""`
}

func TestCandidates(t *testing.T) {
	parser, err := kong.New(&example{}, kong.Name("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ line, want string }{
		{"", "group completion"},
		{"g", "group"},
		{"group ", "make mend"},
		{"group m", "make mend"},
		{"group ma", "make"},
		{"group x", ""},
		{"nonsense ", "group completion"},
		{"group make --", "--help --shared --output --file --mood --force --no-force"},
		{"group make --f", "--file --force"},
		{"group make -", "--help --shared --output --file --mood --force --no-force"},
		{"group mend --", "--help --shared"},
		{"group make --output ", "text json"},
		{"group make --output j", "json"},
		{"group make -o j", "json"},
		{"group make --output=j", "json"},
		{"group make --output = j", "json"},
		{"group make --output =", "text json"},
		{"group make --nonsense=j", ""},
		{"group make --output json --mood ", "good bad"},
		{"group make --output=json --mood b", "bad"},
		{"group make --file ", ":file"},
		{"group make --file=a", ":file"},
		{"group make --force ", ""},
		{"group make name ", "this that"},
		{"group make --force name th", "this that"},
		{"group make --no-force name th", "this that"},
		{"group make --no", "--no-force"},
		{"group --shared v make -- --", ""},
		{"group fix --s", "--shared"},
		{"completion ", "bash zsh fish"},
	} {
		var got []string
		for _, line := range candidates(parser.Model.Node, strings.Split(c.line, " ")) {
			name, _, _ := strings.Cut(line, "\t")
			got = append(got, name)
		}
		if !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%q: got %v, want %s", c.line, got, c.want)
		}
	}
	if got := candidates(parser.Model.Node, []string{"group", "--sh"}); got[0] != "--shared\tShared by all" {
		t.Errorf("got %q", got)
	}
	if got := candidates(parser.Model.Node, nil); len(got) != 2 {
		t.Errorf("nothing typed: got %q", got)
	}
}
