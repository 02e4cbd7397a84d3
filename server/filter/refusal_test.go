package filter_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/filter"
)

func TestRefusals(t *testing.T) {
	refused := func(m proto.Message, text, want string) {
		t.Helper()
		f, err := filter.Parse(text, m.ProtoReflect().Descriptor(), filter.Options{})
		var wrong *filter.Error
		switch {
		case !errors.As(err, &wrong):
			t.Errorf("%s: got %v, want an error", text, err)
		case f != nil:
			t.Errorf("%s: gave a filter beside the error", text)
		case !strings.HasPrefix(err.Error(), want):
			t.Errorf("%s: got %q, want %q", text, err, want)
		}
	}
	key, user, role, api, event := &pb.Key{}, &pb.User{}, &pb.Role{}, &pb.Api{}, &pb.AuditEvent{}

	// Fields.
	refused(key, `color = red`, "at byte 0: there is no field color")
	refused(key, `userID = ada`, "at byte 0: there is no field userID")
	refused(key, `state = ACTIVE AND shape = round`, "at byte 19: there is no field shape")
	refused(key, `currentSecret.digest = a`, "at byte 14: there is no field digest in currentSecret")
	refused(key, `current_secret.'prefix' = a`, "at byte 15: there is no field of this name in currentSecret")
	refused(key, strings.Repeat("a", 33)+` = a`, "at byte 0: there is no field of this name")
	refused(key, `state.name = a`, "at byte 6: state has no fields inside")
	refused(key, `createTime.seconds = 7`, "at byte 11: createTime has no fields inside")
	refused(key, `labels.a.b = c`, `at byte 9: labels holds no fields: a key with a dot in it stands in quotes, as in labels."a.b"`)
	refused(key, `scopes.0 = a`, "at byte 7: scopes has no fields inside")
	refused(event, `before.fields.a = b`, "at byte 7: before has no fields inside")

	// Types.
	refused(key, `state = SLEEPING`, "at byte 8: state is one of STATE_UNSPECIFIED, ACTIVE, DISABLED, REVOKED")
	refused(key, `state = active`, "at byte 8: state is one of ")
	refused(key, `state = ACT*`, "at byte 8: state is one of ")
	refused(key, `createTime > yesterday`, "at byte 13: createTime is compared with a time, such as 2026-10-01T00:00:00Z")
	refused(key, `createTime > 2026-10-01`, "at byte 13: createTime is compared with a time")
	refused(key, `createTime > 2026-10-01T7:00:00Z`, "at byte 13: createTime is compared with a time")
	refused(key, `createTime > "2026-10-01T07:00:00,5Z"`, "at byte 13: createTime is compared with a time")
	refused(key, `createTime > 2026-10-01T07:00:00`, "at byte 13: createTime is compared with a time")
	refused(key, `createTime > 2026-13-01T07:00:00Z`, "at byte 13: createTime is compared with a time")
	refused(role, `builtIn = yes`, "at byte 10: builtIn is compared with true or false")
	refused(event, `sequence = 1.5`, "at byte 11: sequence is compared with a whole number of at most 64 bits")
	refused(event, `sequence = 9223372036854775808`, "at byte 11: sequence is compared with a whole number")
	refused(&pb.Tenant{}, `keyPolicy.maxLifetime < 90`, "at byte 24: keyPolicy.maxLifetime is compared with a duration, such as 3600s, 36h or 30d")
	refused(&pb.Tenant{}, `keyPolicy.maxLifetime < 999999d`, "at byte 24: keyPolicy.maxLifetime is compared with a duration")
	refused(key, `userId = a*a`, `at byte 9: in the value for userId, a star stands for any text at the beginning or the end alone; the character itself is \* in quotes`)

	// Operators.
	refused(key, `state > ACTIVE`, "at byte 6: state has no order and takes the operators =, != and : alone")
	refused(role, `builtIn <= true`, "at byte 8: builtIn has no order")
	refused(key, `scopes = orders.read`, "at byte 7: scopes may hold many values and takes the operator : alone")
	refused(key, `labels = team`, "at byte 7: labels may hold many values and takes the operator : alone")
	refused(api, `routes.path = "/"`, "at byte 12: routes.path may hold many values and takes the operator : alone")
	refused(api, `routes:a`, "at byte 6: routes is compared by a field inside it; by itself it can only be asked for with :*")
	refused(key, `currentSecret = ks`, "at byte 14: currentSecret is compared by a field inside it")
	refused(event, `before = a`, "at byte 7: before can only be asked for with :*")

	// unusedSince.
	refused(role, `unusedSince = 30d`, "at byte 14: unusedSince can't be asked of this list, which keeps no lastUsedTime")
	refused(key, `unusedSince < 30d`, "at byte 0: unusedSince is asked with = alone; put NOT before it for the contrary")
	refused(user, `unusedSince = -30d`, "at byte 14: unusedSince is asked with a time, such as 2026-10-01T00:00:00Z, or a duration back from now")
	refused(user, `unusedSince = soon`, "at byte 14: unusedSince is asked with a time")
	refused(user, `unusedSince.x = 30d`, "at byte 0: there is no field unusedSince")

	// Form.
	refused(key, `ada`, "at byte 3: an operator is missing here, one of = != < <= > >= : behind a field; there are no functions and no bare words")
	refused(key, `has(userId)`, "at byte 3: an operator is missing here")
	refused(key, `userId = ada and state = ACTIVE`, "at byte 13: a comparison is missing here; the operators AND, OR and NOT are written in capitals")
	refused(key, `userId = ada AND`, "at byte 16: a comparison is missing here")
	refused(key, `AND userId = ada`, "at byte 0: a comparison is missing here; the operators")
	refused(key, `userId = a OR OR userId = b`, "at byte 14: a comparison is missing here; the operators")
	refused(key, `userId = a AND AND userId = b`, "at byte 15: a comparison is missing here; the operators")
	refused(key, `NOT`, "at byte 3: a comparison is missing here")
	refused(key, `-`, "at byte 1: a comparison is missing here")
	refused(key, `()`, "at byte 1: a comparison is missing here")
	refused(key, `(userId = a`, "at byte 0: this parenthesis is not closed")
	refused(key, `userId = a)`, "at byte 10: this closing parenthesis has no opening one")
	refused(key, `(userId = a)(userId = b)`, "at byte 12: a blank is missing before what follows")
	refused(key, `userId = "a"state = ACTIVE`, "at byte 12: a blank is missing before what follows")
	refused(key, `(userId = a)OR userId = b`, "at byte 12: a blank is missing before what follows")
	refused(key, `userId =`, `at byte 8: a value is missing; the empty one is ""`)
	refused(key, `(userId = )`, `at byte 10: a value is missing; the empty one is ""`)
	refused(key, `userId = AND state = ACTIVE`, "at byte 9: a value is missing here, or stands in quotes")
	refused(key, `userId = (a OR b)`, "at byte 9: an operator takes one value; write a comparison for each")
	refused(key, `userId = a,b`, "at byte 10: a value with this character stands in quotes")
	refused(key, `userId = “a”`, "at byte 9: a value with this character stands in quotes")
	refused(key, `userId = a\*`, "at byte 10: a value with this character stands in quotes")
	refused(key, `userId == a`, "at byte 8: a value with this character stands in quotes")
	refused(key, `userId = "a`, "at byte 9: this quote is not closed")
	refused(key, `userId = 'a"`, "at byte 9: this quote is not closed")
	refused(key, `userId = "a\n"`, `at byte 11: a backslash stands before \, ", ' or * only`)
	refused(key, `userId = "a\`, `at byte 11: a backslash stands before`)
	refused(key, `"ada"`, "at byte 0: a comparison begins with a field")
	refused(key, `"userId" = ada`, "at byte 0: a comparison begins with a field")
	refused(key, `labels. = a`, "at byte 7: a name is missing behind the dot")
	refused(key, `labels."a = b`, "at byte 7: this quote is not closed")
	refused(key, "userId = \xff", "at byte 9: a filter is UTF-8")
	refused(key, "userId = \x00", "at byte 9: a filter holds no control characters")
	refused(key, "userId = \"\u0085\"", "at byte 10: a filter holds no control characters")
}

func TestBounds(t *testing.T) {
	d := (&pb.Key{}).ProtoReflect().Descriptor()
	times := func(n int, text string) string { return strings.TrimSuffix(strings.Repeat(text, n), " ") }
	nested := func(n int, text string) string { return strings.Repeat("(", n) + text + strings.Repeat(")", n) }
	for _, c := range []struct{ name, good, bad, want string }{
		{
			"bytes", "id = a" + strings.Repeat(" ", 1018), "id = a" + strings.Repeat(" ", 1019),
			"at byte 1024: a filter has at most 1024 bytes",
		},
		{
			"comparisons", times(32, "id=a "), times(33, "id=a "),
			"at byte 160: a filter has at most 32 comparisons",
		},
		{
			"nesting", nested(8, "id=a") + " " + nested(8, "id=a"), nested(9, "id=a"),
			"at byte 8: parentheses stand in each other at most 8 deep",
		},
		{
			"negations", strings.Repeat("-", 1018) + "id = a", strings.Repeat("NOT ", 256),
			"at byte 1024: a comparison is missing here",
		},
	} {
		if _, err := filter.Parse(c.good, d, filter.Options{}); err != nil {
			t.Errorf("%s: what is within the bound is refused: %v", c.name, err)
		}
		if _, err := filter.Parse(c.bad, d, filter.Options{}); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

// A secret that was pasted into a filter, wherever in it, comes back in no error.
func TestNoErrorRepeatsASecret(t *testing.T) {
	const secret = "ks_0123456789abcdefghijklmnopqrstuv012345"
	refused := 0
	for _, form := range []string{
		`S`, `S = a`, `"S"`, `"S" = a`, `S.a = b`, `S(a)`, `-S`, `NOT S`, `(S`, `userId = a S`, `userId S a`, `userId.S = a`, `labels.S.a = b`,
		`currentSecret.S = a`, `currentSecret."S" = a`, `userId = S*S`, `userId = "S`, `userId = S"`, `userId = "S\S"`, `state = S`, `createTime > S`,
		`keyPolicy = S`, `scopes = S`, `unusedSince = S`, `unusedSince < S`, `S < S`, `userId = S,S`, `userId = (S)`, `labels."S".x = S`,
	} {
		text := strings.ReplaceAll(form, "S", secret)
		_, err := filter.Parse(text, (&pb.Key{}).ProtoReflect().Descriptor(), filter.Options{})
		if err == nil {
			continue
		}
		refused++
		if strings.Contains(err.Error(), secret[3:11]) {
			t.Errorf("%s: the error repeats the secret: %v", form, err)
		}
	}
	if refused < 25 {
		t.Errorf("only %d of the forms were refused: this proves little", refused)
	}
}
