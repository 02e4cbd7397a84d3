package filter_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/filter"
)

// FuzzParse holds that no text makes the package panic, that every refusal says
// where, and that what is read answers a key or its contrary, and always the same.
func FuzzParse(f *testing.F) {
	messages := []proto.Message{pipeline(), &pb.User{}, &pb.Tenant{}, &pb.Role{}, &pb.Api{Routes: []*pb.Route{{}}}, &pb.Subscription{}, &pb.AuditEvent{}}
	for i, seed := range []string{
		`userId = "ada" AND state = ACTIVE`, `NOT roles:admin lastUsedTime < 2026-10-01T00:00:00Z`, `keyPolicy.maxLifetime >= 90d OR hosts:"\*"`,
		`-(builtIn = true)`, `routes.methods:GET routes.path:"/orders/*"`, `state != PENDING`, `actor.userId = 'a\'b' sequence > 7 before:*`,
		`labels."a.b":* labels:team`, `unusedSince = "720h"`, ``, `((((((((id=a))))))))`, `(((((((((id=a)))))))))`, `id="`, `id=a\`, `labels.`, "id=\xff", `--id:*`,
	} {
		f.Add(byte(i), seed)
	}
	f.Fuzz(func(t *testing.T, which byte, text string) {
		m := messages[int(which)%len(messages)]
		d := m.ProtoReflect().Descriptor()
		got, err := filter.Parse(text, d, filter.Options{})
		if err != nil {
			var wrong *filter.Error
			if got != nil || !errors.As(err, &wrong) {
				t.Fatalf("%q: got %v and %v", text, got, err)
			}
			if wrong.Offset < 0 || wrong.Offset > len(text) || wrong.Message == "" {
				t.Fatalf("%q: the error stands nowhere: %v", text, err)
			}
			return
		}
		answer := got.Matches(m, noon)
		if strings.Trim(text, " \t\r\n") == "" {
			if !answer {
				t.Fatalf("%q: an empty filter matches not", text)
			}
			return
		}
		contrary, err := filter.Parse("-("+text+")", d, filter.Options{})
		switch {
		case err != nil && len(text)+3 <= filter.MaxBytes && strings.Count(text, "(") < filter.MaxNesting:
			t.Fatalf("%q: read alone, but not in parentheses: %v", text, err)
		case err == nil && contrary.Matches(m, noon) == answer:
			t.Fatalf("%q: NOT changes nothing", text)
		}
	})
}
