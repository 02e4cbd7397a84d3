package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/compiler/protogen"
)

// rule is one line of http.yaml, with what it means in the protos.
type rule struct {
	verb   string // "get", "post" ...
	path   string // as in http.yaml
	body   string // "*", a field, or nothing
	method *protogen.Method
	// branch is the request's field that the path or body selects, or nil.
	branch *protogen.Field
	// bound are the path's parameters, seen from the branch where there is one.
	bound map[string]bool
}

type binding struct {
	Get, Post, Patch, Delete string
	Body                     string
}

func (b binding) rule() (verb, path string) {
	for v, p := range map[string]string{"get": b.Get, "post": b.Post, "patch": b.Patch, "delete": b.Delete} {
		if p != "" {
			return v, p
		}
	}
	return "", ""
}

var parameter = regexp.MustCompile(`\{([a-z0-9_.]+)\}`)

// readRules reads http.yaml.
func readRules(file string, gen *protogen.Plugin) ([]*rule, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the developer names the file
	if err != nil {
		return nil, err
	}
	var doc struct {
		HTTP struct {
			Rules []struct {
				Selector           string
				binding            `yaml:",inline"`
				AdditionalBindings []binding `yaml:"additional_bindings"`
			}
		}
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	methods := map[string]*protogen.Method{}
	for _, f := range gen.Files {
		for _, s := range f.Services {
			for _, m := range s.Methods {
				methods[string(m.Desc.FullName())] = m
			}
		}
	}
	var rules []*rule
	for _, r := range doc.HTTP.Rules {
		m := methods[r.Selector]
		if m == nil {
			return nil, fmt.Errorf("%s: no RPC is named %s", file, r.Selector)
		}
		for _, b := range append([]binding{r.binding}, r.AdditionalBindings...) {
			one, err := newRule(b, m)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, r.Selector, err)
			}
			rules = append(rules, one)
		}
	}
	return rules, nil
}

func newRule(b binding, m *protogen.Method) (*rule, error) {
	r := &rule{body: b.Body, method: m, bound: map[string]bool{}}
	r.verb, r.path = b.rule()
	if r.verb == "" {
		return nil, fmt.Errorf("a binding has no path")
	}
	selected := ""
	if b.Body != "*" {
		selected = b.Body
	}
	for _, p := range parameter.FindAllStringSubmatch(r.path, -1) {
		first, inside, nested := strings.Cut(p[1], ".")
		if !nested || b.Body == "*" {
			// The body is the whole request, whatever in it the path names.
			r.bound[p[1]] = true
			continue
		}
		selected = first
		r.bound[inside] = true
	}
	if selected != "" {
		if r.branch = fieldOf(m.Input, selected); r.branch == nil || r.branch.Message == nil {
			return nil, fmt.Errorf("%s is no message in the request", selected)
		}
	}
	return r, nil
}

// request is the message that the client fills: the branch, or all of it.
func (r *rule) request() *protogen.Message {
	if r.branch != nil {
		return r.branch.Message
	}
	return r.method.Input
}

// bodyOptional tells whether the call may come without a body: where the path
// says all that must be said, or nothing must.
func (r *rule) bodyOptional() bool {
	switch r.operation() {
	case "purgeDeleted", "revokeSelf":
		return true
	default:
		return len(r.bound) > 0 && r.verb != "patch"
	}
}

// guarded tells whether the call can collide with another one: it takes an etag
// or a name that makes it safe to repeat.
func (r *rule) guarded() bool {
	return r.operation() == "manageKey" || fieldOf(r.request(), "etag") != nil || fieldOf(r.request(), "request_id") != nil
}

// publicPath has the path's parameters under short names: {update.key.id} is
// {id} to a client.
func (r *rule) publicPath() string {
	return parameter.ReplaceAllStringFunc(r.path, func(p string) string {
		return "{" + lastPart(strings.Trim(p, "{}")) + "}"
	})
}

// operation names what the rule does: the branch's message, or the RPC.
func (r *rule) operation() string {
	name := r.method.GoName
	if r.branch != nil {
		name = string(r.branch.Message.Desc.Name())
	}
	return strings.ToLower(name[:1]) + name[1:]
}

func (r *rule) comments() protogen.Comments {
	if r.branch != nil {
		return r.branch.Message.Comments.Leading
	}
	return r.method.Comments.Leading
}

func lastPart(path string) string {
	return path[strings.LastIndexByte(path, '.')+1:]
}

func fieldOf(m *protogen.Message, path string) *protogen.Field {
	name, rest, nested := strings.Cut(path, ".")
	for _, f := range m.Fields {
		if string(f.Desc.Name()) != name {
			continue
		}
		if nested && f.Message != nil {
			return fieldOf(f.Message, rest)
		}
		return f
	}
	return nil
}
