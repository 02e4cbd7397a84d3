package filter_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/filter"
)

// listed are the lists by the headings that docs/filter.md gives them.
var listed = map[string]proto.Message{
	"Keys": &pb.Key{}, "Users": &pb.User{}, "Tenants": &pb.Tenant{}, "Roles": &pb.Role{},
	"APIs": &pb.Api{}, "Plans": &pb.Plan{}, "Subscriptions": &pb.Subscription{}, "Audit events": &pb.AuditEvent{},
}

func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/filter.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every example in the documentation is a filter for the list that it names.
func TestTheDocumentedExamplesAreRead(t *testing.T) {
	blocks := regexp.MustCompile("(?s)<!-- filter: ([^>]*) -->\n```text\n(.*?)```\n").FindAllStringSubmatch(document(t), -1)
	read := 0
	for _, block := range blocks {
		m, ok := listed[block[1]]
		if !ok {
			t.Fatalf("%s is no list", block[1])
		}
		for line := range strings.Lines(block[2]) {
			read++
			if _, err := filter.Parse(line, m.ProtoReflect().Descriptor(), filter.Options{}); err != nil {
				t.Errorf("%s: %s: %v", block[1], strings.TrimSpace(line), err)
			}
		}
	}
	if read < 35 {
		t.Errorf("only %d examples were found", read)
	}
}

// Its tables name every field that a list has, and no other.
func TestTheDocumentedFieldsAreTheFields(t *testing.T) {
	name := regexp.MustCompile("`([^`]+)`")
	_, sections, _ := strings.Cut(document(t), "\n## Fields\n")
	for heading, m := range listed {
		d := m.ProtoReflect().Descriptor()
		_, section, found := strings.Cut(sections, "### "+heading+"\n")
		if !found {
			t.Errorf("%s has no section", heading)
		}
		section, _, _ = strings.Cut(section, "\n#")
		documented := map[string]bool{}
		for line := range strings.Lines(section) {
			cells := strings.Split(line, "|")
			if len(cells) < 4 {
				continue
			}
			var fields []string
			for _, f := range name.FindAllStringSubmatch(cells[1], -1) {
				fields = append(fields, f[1])
				documented[f[1]] = true
			}
			for _, f := range name.FindAllStringSubmatch(cells[2], -1) {
				if inner, ok := strings.CutPrefix(f[1], "."); ok {
					for _, outer := range strings.Fields(strings.NewReplacer("`", "").Replace(cells[1])) {
						fields = append(fields, outer+"."+inner)
					}
				}
			}
			for _, f := range fields {
				if _, err := filter.Parse(f+":*", d, filter.Options{}); err != nil {
					t.Errorf("%s: %s: %v", heading, f, err)
				}
			}
		}
		for i := range d.Fields().Len() {
			if f := d.Fields().Get(i).JSONName(); !documented[f] {
				t.Errorf("%s: %s is not documented", heading, f)
			}
		}
	}
}
