package gateway

import (
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"
)

// texts are what fields hold that are texts: names, values, and what is neither.
var texts = []string{
	"", "GET", "/orders/7?api_key=" + one, "/x\xff", "api.acme.test", "203.0.113.7", "fe80::1%\xff", "Bearer " + one, "Bearer " + other + ",Basic x",
	one, other, "a=b; key=" + one, "https://app.test", "acme", "a\xffb", "3",
	"authorization", "Authorization", "x-api-key", "X-API-Key", "x-api-\u212aey", "cookie", "coo\u212aie", "origin", "access-control-request-method",
	"acce\u017fs-control-request-method", ":path", ":method", ":authority", ":scheme", "x-keystile-user", "X_Keystile.Roles", "x-keystile-\xff", "x-other",
	"tenant", "key_tenant", "keyTenant", "api", "permission", "cost",
}

// made is any message of a type, as no encoder writes them: fields twice, in any
// order, of another kind, or unknown.
func made(t *rapid.T, d protoreflect.MessageDescriptor) []byte {
	var out []byte
	for range rapid.IntRange(0, 5).Draw(t, "fields") {
		field := d.Fields().Get(rapid.IntRange(0, d.Fields().Len()-1).Draw(t, "field"))
		number := field.Number()
		switch odd := rapid.IntRange(0, 60).Draw(t, "odd"); odd {
		case 0:
			out = protowire.AppendVarint(protowire.AppendTag(out, number, protowire.VarintType), 300)
			continue
		case 1:
			out = append(protowire.AppendTag(out, number, protowire.Fixed32Type), 1, 2, 3, 4)
			continue
		case 2:
			group := protowire.AppendTag(protowire.AppendTag(nil, 15, protowire.StartGroupType), 15, protowire.EndGroupType)
			out = protowire.AppendGroup(protowire.AppendTag(out, number, protowire.StartGroupType), number, group)
			continue
		case 3:
			out = protowire.AppendString(protowire.AppendTag(out, 1000, protowire.BytesType), "\xff")
			continue
		case 4:
			out = append(out, rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "junk")...)
			continue
		}
		switch field.Kind() {
		case protoreflect.MessageKind:
			out = protowire.AppendBytes(protowire.AppendTag(out, number, protowire.BytesType), made(t, field.Message()))
		case protoreflect.StringKind, protoreflect.BytesKind:
			out = protowire.AppendString(protowire.AppendTag(out, number, protowire.BytesType), rapid.SampledFrom(texts).Draw(t, "text"))
		default:
			out = protowire.AppendVarint(protowire.AppendTag(out, number, protowire.VarintType), 1)
		}
	}
	return out
}

// Questions that are made of the fields there are go deeper than bytes that are
// altered at random.
func TestReadEnvoyReadsAsADecoderDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		http := made(t, (&authv3.AttributeContext_HttpRequest{}).ProtoReflect().Descriptor())
		http = append(http, made(t, (&authv3.AttributeContext_HttpRequest{}).ProtoReflect().Descriptor())...)
		wrap := func(number protowire.Number, content []byte) []byte {
			return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
		}
		attributes := append(wrap(4, wrap(2, http)), made(t, (&authv3.AttributeContext{}).ProtoReflect().Descriptor())...)
		sameReading(t, append(wrap(1, attributes), made(t, (&authv3.CheckRequest{}).ProtoReflect().Descriptor())...))
	})
}
