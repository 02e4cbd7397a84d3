package rest

import (
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// FuzzReadJSON holds that readJSON agrees with protojson about what is readable,
// always finds the fault itself, and never repeats a value.
func FuzzReadJSON(f *testing.F) {
	messages := []proto.Message{
		&keystilev1.ManageKeyRequest{}, &keystilev1.CreateKey{}, &keystilev1.UpdateKey{}, &keystilev1.RotateKey{}, &keystilev1.RevokeKey{},
		&keystilev1.CheckKeyRequest{}, &keystilev1.CheckKeysRequest{}, &keystilev1.CreateUserRequest{}, &keystilev1.AuditEvent{},
	}
	// Newer messages have the bytes at the end, so that what was found earlier
	// still means the same.
	newer := []proto.Message{
		&keystilev1.CreateApiRequest{}, &keystilev1.ImportKeysRequest{}, &keystilev1.UpdateTenantRequest{}, &keystilev1.ExplainRequest{},
		&keystilev1.CreateSubscriptionRequest{}, &keystilev1.UpdateRoleRequest{}, &keystilev1.DeprecateApiRequest{}, &keystilev1.PurgeDeletedRequest{},
	}
	const firstNewer = 200
	for i, seed := range []string{
		`{"api":{"routes":[{"hosts":["a"]},{"hosts":[ 7 , "b"]}]}}`, `{"keys":[{"labels":{"a":"b"}},{"expireTime":1}]}`,
		`{"tenant":{"keyPolicy":{"maxLifetime":"1s","maxKeysPerUser":1.5}}}`, `{"check":{"request":{"method":7}}}`,
		`{"subscription":{"apiTenantId":[]}}`, `{"role":{"permissions":["a",null]}}`, `{"sunsetTime":"x"}`, `{"retention":"1h"}`,
	} {
		f.Add(byte(firstNewer+i), []byte(seed))
	}
	for i, seed := range []string{
		`{"create":{"key":{"tenantId":"acme","labels":{"a":"b"}}}}`, `{"key":{"allowedCidrs":["::/0",7]}}`, `{"updateMask":"a,b"}`, `{"gracePeriod":"1s"}`,
		`{"reason":"KEY_COMPROMISE"}`, `{"cost":1.0e2}`, `{"checks":[{"key":"a"},null]}`, `{"user":{"kind":2}}`, `{"before":{"a":[null,{"b":1}]}}`,
		`{"key":"\ud800"}`, `{"key":{"labels":{"\udc00":"x"}}}`, "{\"key\":\"\x00\"}", `{"key":{"expireTime":"2030-01-01T00:00:00Z"}}`, `{} x`, ``, `{"a`, "\xff",
	} {
		f.Add(byte(i), []byte(seed))
	}
	field := regexp.MustCompile(`^[A-Za-z0-9_$@?.()\[\]-]{1,200}$`)
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		prototype := messages[int(which)%len(messages)].ProtoReflect().Type()
		if which >= firstNewer {
			prototype = newer[int(which-firstNewer)%len(newer)].ProtoReflect().Type()
		}
		want := prototype.New().Interface()
		err := protojson.Unmarshal(data, want)
		got := prototype.New().Interface()
		fault := readJSON(data, got)
		if (err == nil) != (fault == nil) {
			t.Fatalf("%q: protojson says %v, readJSON %v", data, err, fault)
		}
		if fault == nil {
			if !proto.Equal(got, want) {
				t.Fatalf("%q: read as %v, want %v", data, got, want)
			}
			return
		}
		if fault.Message == messageUnfit {
			t.Fatalf("%q: no fault found where protojson says %v", data, err)
		}
		if !field.MatchString(fault.Field) {
			t.Fatalf("%q: field %q", data, fault.Field)
		}
		if !known(fault.Message, prototype.Descriptor()) {
			t.Fatalf("%q: the message %q is not one of the fixed ones", data, fault.Message)
		}
	})
}

// known tells whether a message is made of nothing but fixed words and numbers.
func known(message string, _ protoreflect.MessageDescriptor) bool {
	message = regexp.MustCompile(`line \d+, column \d+$`).ReplaceAllString(message, "PLACE")
	switch message {
	case "must be UTF-8; it is not at PLACE", "must be a JSON object; it is empty", "must be JSON; there is a syntax error at PLACE",
		"must be JSON; it ends too early, at PLACE", "must be one JSON object; something follows it at PLACE", "must be a JSON object",
		"is not a field of this call's JSON", "must be given once at most",
		"can't be given together with another of create, update, rotate, revoke, disable, enable, delete":
		return true
	}
	for _, words := range []string{
		"must be a string of Unicode text", "must be true or false", "must be a whole number", "must be one of ", "must be a time", "must be a duration",
		"must be the names of fields", "must be a JSON object", "must be an object of names",
	} {
		if rest, ok := strings.CutPrefix(strings.TrimPrefix(message, "must be a list; each element "), words); ok && len(rest) < 120 {
			return true
		}
	}
	return false
}

func TestExpectedHasWordsForEveryField(t *testing.T) {
	var visit func(m protoreflect.MessageDescriptor)
	seen := map[protoreflect.FullName]bool{}
	visit = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] {
			return
		}
		seen[m.FullName()] = true
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			if text := expected(f); !strings.HasPrefix(text, "must be ") || strings.Contains(text, "another type") {
				t.Errorf("%s: %q", f.FullName(), text)
			}
			if isObject(f) {
				visit(f.Message())
			}
		}
	}
	for _, r := range routes() {
		visit(r.request)
	}
}
