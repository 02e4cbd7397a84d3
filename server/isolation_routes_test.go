package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// served are the methods of the three services, by their short names.
func served() map[string]protoreflect.MethodDescriptor {
	out := map[string]protoreflect.MethodDescriptor{}
	for _, file := range []protoreflect.FileDescriptor{pb.File_keystile_v1_key_service_proto, pb.File_keystile_v1_directory_service_proto, pb.File_keystile_v1_audit_service_proto} {
		for i := range file.Services().Len() {
			s := file.Services().Get(i)
			for j := range s.Methods().Len() {
				m := s.Methods().Get(j)
				out[string(s.Name())+"."+string(m.Name())] = m
			}
		}
	}
	return out
}

// restBinding is one line of http.yaml.
type restBinding struct{ rpc, method, pattern, body string }

// restBindings reads http.yaml, additional bindings too, and fails at a line that it
// does not understand: no route may slip past it.
func restBindings(t *testing.T) map[string]restBinding {
	t.Helper()
	text, err := os.ReadFile("../api/keystile/v1/http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`^(#.*|type:.*|config_version:.*|http:|rules:|additional_bindings:|)$`)
	pair := regexp.MustCompile(`^(selector|get|post|put|patch|delete|body): "?([^"\s]+)"?$`)
	out := map[string]restBinding{}
	rpc, last := "", ""
	for raw := range strings.Lines(string(text)) {
		line := strings.TrimPrefix(strings.TrimSpace(raw), "- ")
		m := pair.FindStringSubmatch(line)
		switch {
		case m == nil && !known.MatchString(line):
			t.Fatalf("http.yaml has a line that this test can't read: %q", line)
		case m == nil:
		case m[1] == "selector":
			rpc = strings.TrimPrefix(m[2], "keystile.v1.")
		case m[1] == "body":
			b := out[last]
			b.body = m[2]
			out[last] = b
		default:
			last = strings.ToUpper(m[1]) + " " + m[2]
			if _, twice := out[last]; twice {
				t.Errorf("%s stands twice in http.yaml", last)
			}
			out[last] = restBinding{rpc: rpc, method: strings.ToUpper(m[1]), pattern: m[2]}
		}
	}
	return out
}

// restStatus is what REST answers where gRPC answers with a code.
func restStatus(c codes.Code) int {
	switch c {
	case codes.OK:
		return http.StatusOK
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.InvalidArgument:
		return http.StatusBadRequest
	case codes.NotFound:
		return http.StatusNotFound
	case codes.AlreadyExists:
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

// dry makes a request that is only to be validated, where there is such a thing.
func dry(m proto.Message) proto.Message {
	r := m.ProtoReflect()
	if op := r.Descriptor().Oneofs().ByName("operation"); op != nil {
		r = r.Mutable(r.WhichOneof(op)).Message()
	}
	if f := r.Descriptor().Fields().ByName("validate_only"); f != nil {
		r.Set(f, protoreflect.ValueOfBool(true))
	}
	return m
}

// reply is an answer, with everything in it that a caller could learn from.
type reply struct {
	code int
	text string
}

// varying are the parts of an answer that differ from call to call.
var varying = regexp.MustCompile(`(req|dec)_[0-9a-z]{26}|"freshness":\s*\{[^}]*\}`)

// byGRPC makes a call of any method, and gives its code.
func (e *estate) byGRPC(m protoreflect.MethodDescriptor, req proto.Message, secret string) reply {
	e.t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	if err != nil {
		e.t.Fatal(err)
	}
	ctx := e.t.Context()
	if secret != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+secret)
	}
	out, trailer := kind.New().Interface(), metadata.MD{}
	err = e.conn.Invoke(ctx, fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()), req, out, grpc.Trailer(&trailer))
	if err != nil {
		out = status.Convert(err).Proto()
	}
	text, jsonErr := protojson.Marshal(out)
	if jsonErr != nil {
		e.t.Fatal(jsonErr)
	}
	delete(trailer, "grpc-status-details-bin")
	return reply{int(status.Code(err)), varying.ReplaceAllString(string(text), "") + fmt.Sprint(trailer)}
}

// byREST makes the same call as http.yaml has it.
func (e *estate) byREST(b restBinding, req proto.Message, secret string) reply {
	e.t.Helper()
	path, body := transcode(e.t, b, proto.Clone(req).ProtoReflect())
	code, raw, header := e.send(b.method, path, secret, body)
	if code >= 400 && header.Get("Content-Type") != "application/problem+json" {
		e.t.Errorf("%s %s: content type %q", b.method, path, header.Get("Content-Type"))
	}
	for _, name := range []string{"Date", "X-Request-Id", "Content-Length"} {
		header.Del(name)
	}
	return reply{code, varying.ReplaceAllString(string(raw), "") + fmt.Sprint(header)}
}

var parameter = regexp.MustCompile(`\{([a-z_.]+)\}`)

// transcode writes a request as a REST call: what the path names, then the body,
// or without one the query.
func transcode(t *testing.T, b restBinding, m protoreflect.Message) (string, any) {
	t.Helper()
	queried := m
	path := parameter.ReplaceAllStringFunc(b.pattern, func(param string) string {
		at, names := m, strings.Split(strings.Trim(param, "{}"), ".")
		for _, name := range names[:len(names)-1] {
			at = at.Mutable(at.Descriptor().Fields().ByName(protoreflect.Name(name))).Message()
		}
		queried = at
		f := at.Descriptor().Fields().ByName(protoreflect.Name(names[len(names)-1]))
		value := at.Get(f).String()
		at.Clear(f)
		return url.PathEscape(value)
	})
	if b.body != "" {
		inner := m
		if b.body != "*" {
			inner = m.Mutable(m.Descriptor().Fields().ByName(protoreflect.Name(b.body))).Message()
		}
		text, err := protojson.Marshal(inner.Interface())
		if err != nil {
			t.Fatal(err)
		}
		return path, json.RawMessage(text)
	}
	query := url.Values{}
	queried.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		query.Set(f.JSONName(), v.String())
		return true
	})
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, nil
}
