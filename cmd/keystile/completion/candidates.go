package completion

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// fileWanted stands for the names of all files, which shells list best.
const fileWanted = ":file"

// Chooser is a flag's or argument's type that knows what may be given for it.
type Chooser interface{ Choices() []string }

// candidates completes the last word of a command line without the program's
// name.
func candidates(root *kong.Node, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	current := words[len(words)-1]
	at := cursor{node: root}
	for _, word := range words[:len(words)-1] {
		at.pass(word)
	}
	if current == "=" && at.flag != nil {
		// Bash takes "--flag=" for two words, the second of which is to be kept.
		current = ""
	}
	if name, value, found := strings.Cut(current, "="); found && at.flag == nil && at.mayBeFlag(current) {
		at.flag, current = findFlag(at.node, name), value
		if at.flag == nil {
			return nil
		}
	}
	switch {
	case at.flag != nil:
		return begin(current, values(at.flag.Value))
	case at.mayBeFlag(current):
		return begin(current, flags(at.node))
	}
	out := commands(at.node)
	if n := at.arguments; n < len(at.node.Positional) {
		out = append(out, values(at.node.Positional[n])...)
	}
	return begin(current, out)
}

// cursor is where in the command line the words have led.
type cursor struct {
	node *kong.Node
	// flag is the flag whose value comes next.
	flag *kong.Flag
	// arguments counts those of the node that are given already.
	arguments int
	// ended: a "--" has gone by, and no flag follows.
	ended bool
}

// pass goes past a word that is complete.
func (c *cursor) pass(word string) {
	switch {
	case c.flag != nil && word == "=":
		return
	case c.flag != nil:
		c.flag = nil
	case word == "--" && !c.ended:
		c.ended = true
	case c.mayBeFlag(word):
		name, _, given := strings.Cut(word, "=")
		if f := findFlag(c.node, name); f != nil && !given && !f.IsBool() {
			c.flag = f
		}
	default:
		for _, child := range c.node.Children {
			if child.Name == word || slices.Contains(child.Aliases, word) {
				c.node, c.arguments = child, 0
				return
			}
		}
		c.arguments++
	}
}

func (c *cursor) mayBeFlag(word string) bool {
	return !c.ended && strings.HasPrefix(word, "-")
}

// findFlag finds a flag by its written name, "--output" or "-o", among those of
// a command and of the commands above it.
func findFlag(node *kong.Node, written string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if written == "--"+f.Name || f.Short != 0 && written == "-"+string(f.Short) {
				return f
			}
		}
	}
	return nil
}

func commands(node *kong.Node) []string {
	var out []string
	for _, child := range node.Children {
		if !child.Hidden {
			out = append(out, described(child.Name, child.Help))
		}
	}
	return out
}

func flags(node *kong.Node) []string {
	var out []string
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			out = append(out, described("--"+f.Name, f.Help))
			if f.Tag.Negatable != "" {
				out = append(out, described("--no-"+f.Name, f.Help))
			}
		}
	}
	return out
}

// values lists what may be given for a flag or an argument, where that is known.
func values(v *kong.Value) []string {
	switch v.Tag.Type {
	case "path", "existingfile", "existingdir", "filecontent":
		return []string{fileWanted}
	}
	if v.Enum != "" {
		return v.EnumSlice()
	}
	if v.Target.CanAddr() {
		if chooser, ok := v.Target.Addr().Interface().(Chooser); ok {
			return chooser.Choices()
		}
	}
	return nil
}

func described(name, help string) string {
	help, _, _ = strings.Cut(help, ". ")
	return name + "\t" + strings.Join(strings.Fields(strings.TrimSuffix(help, ".")), " ")
}

// begin keeps the candidates that begin with what was typed.
func begin(typed string, all []string) []string {
	return slices.DeleteFunc(all, func(c string) bool {
		return c != fileWanted && !strings.HasPrefix(c, typed)
	})
}
