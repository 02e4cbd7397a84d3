package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

const documentFile = "../../server/apidoc/openapi.json"

// TestDocumentIsValid holds the committed document against the OpenAPI
// specification, its own examples included.
func TestDocumentIsValid(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
}

// TestAnswersFitTheirSchemas: what the server writes, unset messages as null
// included, is what the document says.
func TestAnswersFitTheirSchemas(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	for schema, text := range map[string]string{
		"CheckKeyResponse": `{"allowed":false,"reason":"KEY_EXPIRED","message":"","remedy":"","documentationUrl":"","decisionId":"","identity":null,` +
			`"warnings":[],"expireTime":null,"freshness":null,"missingPermission":"","missingFrom":"",` +
			`"apiId":"","apiTenantId":"","routePath":"","pathParameters":{},"limit":null}`,
		"GetKeyResponse":     `{"key":null}`,
		"DeleteUserResponse": `{"user":null,"cascade":{"users":"0","keys":"2","roles":"0","apis":"0","subscriptions":"0","plans":"0"},"note":"","revision":"7","propagation":null}`,
		"ExplainResponse":    `{"verdict":null,"steps":[],"past":null,"limits":[]}`,
	} {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		if err := doc.Components.Schemas[schema].Value.VisitJSON(value, openapi3.VisitAsResponse()); err != nil {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

// Every request example must be there for an operation, and every operation with
// a body must have one.
func TestExamplesBelongToOperations(t *testing.T) {
	text, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			RequestBody json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	examples := requestExamples()
	for path, item := range doc.Paths {
		for verb, op := range item {
			if _, has := examples[op.OperationID]; has != (len(op.RequestBody) > 0) {
				t.Errorf("%s %s (%s): an example is missing", verb, path, op.OperationID)
			}
			delete(examples, op.OperationID)
		}
	}
	for id := range examples {
		t.Errorf("%s: no operation has this example's name", id)
	}
}

// The calls about one collection stand under one tag, and every tag has some.
func TestTags(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for verb, op := range item.Operations() {
			if len(op.Tags) != 1 || op.Tags[0] != tagOf(path) || op.Tags[0] == "" {
				t.Errorf("%s %s: tags %v", verb, path, op.Tags)
			}
			used[tagOf(path)] = true
		}
	}
	for _, declared := range doc.Tags {
		if !used[declared.Name] || declared.Description == "" {
			t.Errorf("the tag %s has no call or no description", declared.Name)
		}
		delete(used, declared.Name)
	}
	for name := range used {
		t.Errorf("the tag %s is not declared", name)
	}
}
