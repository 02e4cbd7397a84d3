package main

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// operation describes one call.
func operation(r *rule, s *schemas) *object {
	id := r.operation()
	summary, rest := sentences(s.prose(r.comments()))
	op := obj("tags", []string{tagOf(r.path)}, "operationId", id).setText("summary", summary).setText("description", rest)
	if strings.HasPrefix(id, "check") {
		// Whether a check needs a caller's key is the operator's choice.
		op.set("security", []any{obj(), obj("bearer", []string{})})
	}
	if p := parameters(r, s); len(p) > 0 {
		op.set("parameters", p)
	}
	if r.body != "" {
		media := obj("schema", s.message(r.request()))
		addExamples(media, requestExamples()[id])
		op.set("requestBody", obj("required", !r.bodyOptional(), "content", obj("application/json", media)))
	}
	answer := obj("schema", s.message(r.method.Output))
	addExamples(answer, answerExamples()[id])
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
	if op := r.operation(); len(r.bound) > 0 || op == "manageKey" || op == "explain" {
		codes = append(codes, "404")
	}
	if r.guarded() {
		codes = append(codes, "409")
	}
	if r.body != "" {
		codes = append(codes, "413")
	}
	return append(codes, "429", "503")
}

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

// byTag is the rules in the order of their tags, and inside one as in http.yaml.
func byTag(rules []*rule) []*rule {
	var sorted []*rule
	for _, t := range tags() {
		for _, r := range rules {
			if tagOf(r.path) == t.name {
				sorted = append(sorted, r)
			}
		}
	}
	return sorted
}

// document is the whole of it.
func document(rules []*rule) (*object, error) {
	s := newSchemas(rules)
	paths := obj()
	for _, r := range rules {
		if tagOf(r.path) == "" {
			return nil, fmt.Errorf("%s belongs to no tag", r.path)
		}
	}
	for _, r := range byTag(rules) {
		item := paths.child(r.publicPath())
		if _, twice := item.values[r.verb]; twice {
			return nil, fmt.Errorf("%s %s stands twice", r.verb, r.publicPath())
		}
		item.set(r.verb, operation(r, s))
	}
	var list []any
	for _, t := range tags() {
		list = append(list, obj("name", t.name, "description", t.about))
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
		"tags", list,
		"paths", paths,
		"components", obj(
			"securitySchemes", obj("bearer", obj("type", "http", "scheme", "bearer", "description", "An API key of Keystile's own: `Authorization: Bearer ks_...`.")),
			"responses", problemAnswers(),
			"schemas", s.made,
		),
	), nil
}
