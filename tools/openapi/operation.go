package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// operation describes one call.
func operation(r *rule, s *schemas) *object {
	id := r.operation()
	summary, rest := sentences(s.prose(r.comments()))
	op := obj("tags", []string{tag(r.method.Parent)}, "operationId", id).setText("summary", summary).setText("description", rest)
	if strings.HasPrefix(id, "check") {
		// Whether a check needs a caller's key is the operator's choice.
		op.set("security", []any{obj(), obj("bearer", []string{})})
	}
	if p := parameters(r, s); len(p) > 0 {
		op.set("parameters", p)
	}
	if r.body != "" {
		media := obj("schema", s.message(r.request()))
		if text, ok := requestExamples()[id]; ok {
			media.set("example", json.RawMessage(text))
		}
		// Where the path says all that must be said, the body may be left out.
		op.set("requestBody", obj("required", len(r.bound) == 0 || r.verb == "patch", "content", obj("application/json", media)))
	}
	answer := obj("schema", s.message(r.method.Output))
	if text, ok := answerExamples()[id]; ok {
		answer.set("example", json.RawMessage(text))
	}
	answers := obj("200", obj("description", "The answer.", "headers", requestIDHeader(), "content", obj("application/json", answer)))
	for _, code := range errorCodes(r) {
		answers.set(code, obj("$ref", "#/components/responses/Problem"+code))
	}
	answers.set("default", obj("$ref", "#/components/responses/Problem"))
	return op.set("responses", answers)
}

// parameters are the path's and, on GET and DELETE, the query's.
func parameters(r *rule, s *schemas) []any {
	var list []any
	for _, p := range parameter.FindAllStringSubmatch(r.path, -1) {
		about := ""
		if f := fieldOf(r.method.Input, p[1]); f != nil {
			about = s.prose(f.Comments.Leading)
		}
		list = append(list, obj("name", lastPart(p[1]), "in", "path", "required", true).setText("description", about).
			set("schema", obj("type", "string")))
	}
	if r.verb != "get" && r.verb != "delete" {
		return list
	}
	for _, f := range r.request().Fields {
		if r.bound[string(f.Desc.Name())] || f.Desc.IsList() || f.Desc.Kind() == protoreflect.MessageKind || f.Desc.Kind() == protoreflect.EnumKind {
			continue
		}
		list = append(list, obj("name", f.Desc.JSONName(), "in", "query").setText("description", s.prose(f.Comments.Leading)).
			set("schema", s.single(f)))
	}
	return list
}

// errorCodes are the answers to expect of a call beside the good one.
func errorCodes(r *rule) []string {
	codes := []string{"400", "401", "403"}
	if len(r.bound) > 0 || r.operation() == "manageKey" {
		codes = append(codes, "404")
	}
	writes := r.method.GoName == "ManageKey" || strings.HasPrefix(r.method.GoName, "Create")
	if writes {
		codes = append(codes, "409")
	}
	if r.body != "" {
		codes = append(codes, "413")
	}
	return append(codes, "429", "503")
}

// tag groups a service's calls: KeyService is "Key".
func tag(s *protogen.Service) string { return strings.TrimSuffix(s.GoName, "Service") }

// sentences splits a comment into its first sentence, without the name that Go
// style begins with, and the rest.
func sentences(text string) (first, rest string) {
	if _, after, ok := strings.Cut(text, " "); ok {
		text = strings.ToUpper(after[:1]) + after[1:]
	}
	if head, tail, ok := strings.Cut(text, ". "); ok {
		return head + ".", tail
	}
	return text, ""
}

func requestIDHeader() *object {
	return obj("X-Request-Id", obj("description", "The name of this call in logs: the client's own, or a new one.", "schema", obj("type", "string")))
}

// document is the whole of it.
func document(rules []*rule, services []*protogen.Service) (*object, error) {
	s := newSchemas(rules)
	paths := obj()
	for _, r := range rules {
		item := paths.child(r.publicPath())
		if _, twice := item.values[r.verb]; twice {
			return nil, fmt.Errorf("%s %s stands twice", r.verb, r.publicPath())
		}
		item.set(r.verb, operation(r, s))
	}
	var tags []any
	for _, service := range services {
		_, about, _ := strings.Cut(s.prose(service.Comments.Leading), " ")
		tags = append(tags, obj("name", tag(service), "description", strings.ToUpper(about[:1])+about[1:]))
	}
	addProblem(s.made)
	return obj(
		"openapi", "3.0.3",
		"info", obj(
			"title", "Keystile", "version", "v1",
			"description", "API keys: issued, managed, and checked on every call. Fields that are false, zero or empty are always written; unknown fields and query parameters are refused.",
			"license", obj("name", "Apache-2.0"),
		),
		"servers", []any{obj("url", "/")},
		"security", []any{obj("bearer", []string{})},
		"tags", tags,
		"paths", paths,
		"components", obj(
			"securitySchemes", obj("bearer", obj("type", "http", "scheme", "bearer", "description", "An API key of Keystile's own: `Authorization: Bearer ks_...`.")),
			"responses", problemAnswers(),
			"schemas", s.made,
		),
	), nil
}
