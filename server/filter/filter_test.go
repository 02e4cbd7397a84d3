package filter_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/filter"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func at(text string) *timestamppb.Timestamp {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return timestamppb.New(t)
}

// pipeline is a key that is in use and ends at the new year.
func pipeline() *pb.Key {
	return &pb.Key{
		Id: "key_1", TenantId: "acme", UserId: "ada", DisplayName: `Ada's "build" pipeline *`,
		Scopes: []string{"orders.read", "billing.*"}, State: pb.Key_ACTIVE,
		Labels:        map[string]string{"team": "core", "app.kubernetes.io/name": "shop", "empty": "", "on-call": "yes"},
		CurrentSecret: &pb.SecretInfo{Prefix: "ks", LastFour: "x9Zq", CreateTime: at("2026-09-01T00:00:00Z")},
		CreateTime:    at("2026-09-01T00:00:00Z"), LastUsedTime: at("2026-10-15T08:00:00Z"), ExpireTime: at("2027-01-01T00:00:00Z"),
	}
}

func parse(t *testing.T, text string, m proto.Message) *filter.Filter {
	t.Helper()
	f, err := filter.Parse(text, m.ProtoReflect().Descriptor(), filter.Options{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

// cases asks filters of one message.
type cases struct {
	t *testing.T
	m proto.Message
}

func (c cases) finds(text string)  { c.t.Helper(); c.expect(text, true) }
func (c cases) passes(text string) { c.t.Helper(); c.expect(text, false) }

func (c cases) expect(text string, want bool) {
	c.t.Helper()
	if got := parse(c.t, text, c.m).Matches(c.m, noon); got != want {
		c.t.Errorf("%s: got %t, want %t", text, got, want)
	}
}

func TestText(t *testing.T) {
	key := cases{t, pipeline()}
	key.finds(`userId = "ada"`)
	key.finds(`userId=ada`)
	key.finds(`user_id = 'ada'`)
	key.passes(`userId = "Ada"`)
	key.passes(`userId = ad`)
	key.passes(`userId != ada`)
	key.finds(`userId != bob`)
	key.finds(`userId:ada`)
	key.passes(`userId:ad`)
	key.finds(`userId < b AND userId <= ada AND userId > a AND userId >= ada`)
	key.passes(`userId < ada`)
	key.finds(`revokeNote = ""`)
	key.finds(`displayName = 'Ada\'s "build" pipeline \*'`)
	key.finds(`displayName = "Ada's \"build\" pipeline \*"`)
	key.passes(`displayName = "Ada's \"build\" pipeline \\"`)
}

func TestStars(t *testing.T) {
	key := cases{t, pipeline()}
	key.finds(`userId = ad*`)
	key.finds(`userId = *da`)
	key.finds(`userId = *d*`)
	key.finds(`userId = "*"`)
	key.finds(`userId = "**"`)
	key.finds(`userId = *`)
	key.passes(`userId != ad*`)
	key.passes(`userId = bo*`)
	key.passes(`userId = *x*`)
	key.finds(`displayName = "*\*"`)
	key.passes(`userId = "*\*"`)
	key.passes(`userId = "ad\*"`)
	// A star is in no order.
	key.finds(`userId > *`)
	key.finds(`userId > "a*"`)
	// Among scopes it may be the character that was meant.
	key.finds(`scopes:"billing.\*"`)
	key.finds(`scopes:"orders.*"`)
	key.passes(`scopes:"orders.\*"`)
	key.passes(`scopes:"\*"`)
	key.finds(`scopes:"*"`)
}

func TestListsAndMaps(t *testing.T) {
	key := cases{t, pipeline()}
	key.finds(`scopes:orders.read`)
	key.passes(`scopes:orders`)
	key.finds(`scopes:*`)
	key.passes(`allowedCidrs:*`)
	key.finds(`NOT scopes:orders.write`)
	key.finds(`labels:team`)
	key.finds(`labels:"app.*"`)
	key.passes(`labels:tea`)
	key.finds(`labels:*`)
	key.finds(`labels.team = core`)
	key.finds(`labels.team:core`)
	key.finds(`labels.team = "co*"`)
	key.finds(`labels.team > bore`)
	key.finds(`labels.team:*`)
	key.finds(`labels.on-call = yes`)
	key.finds(`labels."app.kubernetes.io/name" = shop`)
	key.finds(`labels.'team' = core`)
	key.finds(`labels.empty:* labels.empty = ""`)

	api := cases{t, &pb.Api{Id: "orders", Routes: []*pb.Route{
		{Hosts: []string{"api.acme.test"}, Methods: []string{"GET"}, Path: "/orders/{id}"},
		{Hosts: []string{"*"}, Methods: []string{"POST", "PUT"}, Path: "/orders", Permission: "orders.make"},
	}}}
	api.finds(`routes.path:"/orders/{id}"`)
	api.finds(`routes.methods:PUT`)
	api.passes(`routes.methods:DELETE`)
	api.finds(`routes.hosts:"\*"`)
	api.finds(`routes.permission:*`)
	api.finds(`routes:*`)
}

func TestAbsent(t *testing.T) {
	key := cases{t, pipeline()}
	// What is absent equals nothing, comes before nothing and after nothing.
	key.passes(`labels.stage = prod`)
	key.passes(`labels.stage = ""`)
	key.passes(`labels.stage = *`)
	key.passes(`labels.stage < z`)
	key.passes(`labels.stage:*`)
	key.finds(`labels.stage != prod`)
	key.finds(`NOT labels.stage = prod`)
	key.passes(`revokeTime < 2030-01-01T00:00:00Z`)
	key.passes(`revokeTime >= 2000-01-01T00:00:00Z`)
	key.finds(`revokeTime != 2030-01-01T00:00:00Z`)
	key.passes(`revokeTime:*`)
	key.finds(`expireTime:*`)
	key.passes(`previousSecret.prefix = ""`)
	key.passes(`previousSecret.prefix:*`)
	key.passes(`previousSecret:*`)
	key.finds(`currentSecret:*`)
	key.finds(`currentSecret.prefix = ks`)
	key.finds(`current_secret.last_four = x9Zq`)
	key.finds(`currentSecret.createTime = "2026-09-01T00:00:00Z"`)
	// A plain field is never absent; :* asks for more than its default.
	key.passes(`revokeNote:*`)
	key.finds(`userId:*`)
}

func TestTypes(t *testing.T) {
	key := cases{t, pipeline()}
	key.finds(`state = ACTIVE`)
	key.finds(`state:"ACTIVE"`)
	key.finds(`state != REVOKED`)
	key.passes(`state = REVOKED`)
	key.finds(`revokeReason = REVOKE_REASON_UNSPECIFIED`)
	key.finds(`createTime < 2026-09-01T00:00:00.000000001Z`)
	key.finds(`createTime >= "2026-09-01T02:00:00+02:00"`)
	key.finds(`createTime = "2026-09-01T02:00:00+02:00"`)
	key.passes(`createTime > 2026-09-01T00:00:00Z`)

	role := cases{t, &pb.Role{BuiltIn: true}}
	role.finds(`builtIn = true`)
	role.finds(`built_in:true`)
	role.finds(`builtIn != false`)
	role.finds(`builtIn:*`)
	role.passes(`builtIn = false`)

	tenant := cases{t, &pb.Tenant{KeyPolicy: &pb.KeyPolicy{MaxLifetime: durationpb.New(90 * 24 * time.Hour), MaxKeysPerUser: 5}}}
	tenant.finds(`keyPolicy.maxLifetime = 7776000s`)
	tenant.finds(`keyPolicy.maxLifetime = 90d`)
	tenant.finds(`keyPolicy.maxLifetime > 2159h59m59.9s`)
	tenant.passes(`keyPolicy.maxLifetime < "90d"`)
	tenant.passes(`keyPolicy.defaultLifetime < 90d`)
	tenant.finds(`keyPolicy.maxKeysPerUser = 5`)
	tenant.finds(`keyPolicy.maxKeysPerUser > -1 keyPolicy.maxKeysPerUser <= 9223372036854775807`)

	event := cases{t, &pb.AuditEvent{
		Sequence: 7, Action: "keystile.keys.revoke", Outcome: pb.AuditEvent_REFUSED, Time: at("2026-11-01T00:00:00Z"), SourceAddress: "2001:db8::1",
		Actor: &pb.AuditActor{UserId: "ada"}, Target: &pb.AuditTarget{Kind: "key"}, Before: &structpb.Struct{},
	}}
	event.finds(`sequence >= 7 AND sequence < 8`)
	event.finds(`sequence = "7"`)
	event.finds(`action = keystile.keys.* AND outcome = REFUSED AND actor.userId = ada AND target.kind = key`)
	event.finds(`sourceAddress = 2001:db8::1`)
	event.finds(`before:* NOT after:*`)
}

func TestLogic(t *testing.T) {
	key := cases{t, pipeline()}
	key.finds(``)
	key.finds("  \t\r\n")
	key.finds(`userId = ada state = ACTIVE`)
	key.passes(`userId = ada state = REVOKED`)
	key.finds(`userId = ada AND state = ACTIVE`)
	key.finds(`userId = bob OR state = ACTIVE`)
	key.finds(`-userId = bob`)
	key.finds(`NOT userId = bob -state = REVOKED`)
	key.finds(`NOT(userId = bob)`)
	key.finds(`-(userId = bob OR userId = eve)`)
	key.finds(`NOT NOT userId = ada`)
	key.passes(`NOT NOT - userId = ada`)
	// OR binds tighter than AND: this is (ada or bob) and revoked.
	key.passes(`userId = ada OR userId = bob AND state = REVOKED`)
	key.finds(`userId = ada OR (userId = bob AND state = REVOKED)`)
	key.passes(`state = REVOKED AND userId = bob OR userId = ada`)
	key.passes(`state = REVOKED userId = bob OR userId = ada`)
	// NOT binds tightest.
	key.finds(`NOT userId = bob OR state = REVOKED`)
	key.finds(`((userId = ada) AND (((state = ACTIVE))))`)
	key.finds("userId\n=\tada")
}

func TestUnusedSince(t *testing.T) {
	key := cases{t, pipeline()} // created on 1 September, used on 15 October at 8
	key.finds(`unusedSince = "2026-10-15T08:00:01Z"`)
	key.finds(`unused_since = 2026-11-01T00:00:00Z`)
	key.passes(`unusedSince = "2026-10-15T08:00:00Z"`)
	key.finds(`unusedSince = "30d"`)
	key.finds(`unusedSince = 720h`)
	key.passes(`unusedSince = 60d`)
	key.finds(`NOT unusedSince = 60d`)

	never := cases{t, &pb.Key{CreateTime: at("2026-11-01T00:00:00Z")}}
	never.finds(`unusedSince = "2026-11-02T00:00:00Z"`)
	never.passes(`unusedSince = "30d"`)

	user := cases{t, &pb.User{CreateTime: at("2026-01-01T00:00:00Z")}}
	user.finds(`unusedSince = "30d" AND NOT lastUsedTime:*`)

	unknown := cases{t, &pb.Key{}}
	unknown.passes(`unusedSince = "30d"`)
}

func TestNamedQuestions(t *testing.T) {
	even := filter.Named{Name: "evenSequence", Bind: func(_ protoreflect.MessageDescriptor, value string) (filter.Test, error) {
		if value != "yes" {
			return nil, errors.New("is asked with yes")
		}
		return func(m protoreflect.Message, _ time.Time) bool {
			return m.Interface().(*pb.AuditEvent).GetSequence()%2 == 0
		}, nil
	}}
	// A field of the message goes before a question of its name.
	shadow := filter.Named{Name: "action", Bind: func(protoreflect.MessageDescriptor, string) (filter.Test, error) {
		return nil, errors.New("must not be asked")
	}}
	d := (&pb.AuditEvent{}).ProtoReflect().Descriptor()
	f, err := filter.Parse(`even_sequence = yes AND action = ""`, d, filter.Options{Named: []filter.Named{even, shadow}})
	if err != nil {
		t.Fatal(err)
	}
	if !f.Matches(&pb.AuditEvent{Sequence: 2}, noon) || f.Matches(&pb.AuditEvent{Sequence: 3}, noon) {
		t.Error("the question was not asked")
	}
	var wrong *filter.Error
	_, err = filter.Parse(`evenSequence = no`, d, filter.Options{Named: []filter.Named{even}})
	if !errors.As(err, &wrong) || wrong.Error() != "at byte 15: evenSequence is asked with yes" {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNotAMessageOfTheTypeIsNotMatched(t *testing.T) {
	everything := parse(t, "", &pb.Key{})
	if !everything.Matches(&pb.Key{}, noon) {
		t.Error("an empty filter does not match an empty key")
	}
	var none *filter.Filter
	for name, got := range map[string]bool{
		"nil filter":    none.Matches(&pb.Key{}, noon),
		"zero filter":   (&filter.Filter{}).Matches(&pb.Key{}, noon),
		"nil":           everything.Matches(nil, noon),
		"nil key":       everything.Matches((*pb.Key)(nil), noon),
		"another type":  everything.Matches(&pb.User{}, noon),
		"another's key": parse(t, "id = a", &pb.User{}).Matches(&pb.Key{Id: "a"}, noon),
	} {
		if got {
			t.Errorf("%s: matched", name)
		}
	}
}
