package rest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// TestRoutesAreHTTPYAML holds the table against the file that the generated code
// is made from: a line missing here is a path that answers 404.
func TestRoutesAreHTTPYAML(t *testing.T) {
	text, err := os.ReadFile("../../api/keystile/v1/http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^\s*(?:- )?(selector|get|post|put|patch|delete|body): "?([^"\s]+)"?$`)
	var want []string
	selector := ""
	for raw := range strings.Lines(string(text)) {
		m := line.FindStringSubmatch(strings.TrimRight(raw, "\n"))
		switch {
		case m == nil:
		case m[1] == "selector":
			selector = m[2]
		case m[1] == "body":
			want[len(want)-1] += " " + m[2]
		default:
			want = append(want, requestOf(t, selector)+" "+strings.ToUpper(m[1])+" "+m[2])
		}
	}
	var got []string
	for _, r := range routes() {
		entry := string(r.request.FullName()) + " " + r.method + " " + r.pattern
		if r.body != "" {
			entry += " " + r.body
		}
		got = append(got, entry)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func requestOf(t *testing.T, selector string) string {
	t.Helper()
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(selector))
	if err != nil {
		t.Fatal(err)
	}
	return string(d.(protoreflect.MethodDescriptor).Input().FullName())
}

// A path parameter that stands inside a message must be covered: by a body that
// is that message or the whole request, or by the branch that the query is read
// by. Where the body covers it, it must be a string that can be held against it.
func TestNestedParametersAreCovered(t *testing.T) {
	parameter := regexp.MustCompile(`\{([a-z_.]+)\}`)
	for _, r := range routes() {
		m := parameter.FindStringSubmatch(r.pattern)
		if len(m) != 2 {
			continue
		}
		first, _, nested := strings.Cut(m[1], ".")
		if nested && first != r.body && first != r.branch && r.body != "*" {
			t.Errorf("%s %s: neither body nor branch is %s", r.method, r.pattern, first)
		}
		if !isText(r.request, strings.Split(m[1], ".")) {
			t.Errorf("%s %s: %s is no string of %s", r.method, r.pattern, m[1], r.request.FullName())
		}
	}
}

// isText tells whether a path of field names leads to a single string.
func isText(m protoreflect.MessageDescriptor, names []string) bool {
	for i, name := range names {
		field := m.Fields().ByName(protoreflect.Name(name))
		if field == nil || field.IsList() || field.IsMap() {
			return false
		}
		if i == len(names)-1 {
			return field.Kind() == protoreflect.StringKind
		}
		if m = field.Message(); m == nil {
			return false
		}
	}
	return false
}

// Only an import may have a longer body than the others.
func TestBodyLimits(t *testing.T) {
	for _, r := range routes() {
		want := int64(1 << 20)
		if r.pattern == "/v1/keys:import" {
			want = 8 << 20
		}
		if got := r.bodyLimit(1 << 20); got != want {
			t.Errorf("%s %s: limit %d, want %d", r.method, r.pattern, got, want)
		}
		if got := r.bodyLimit(16 << 20); got != 16<<20 {
			t.Errorf("%s %s: limit %d, want what the operator set", r.method, r.pattern, got)
		}
	}
}
