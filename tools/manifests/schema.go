package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// schemas holds the schemas of custom resources, by apiVersion/kind. The API
// server applies the same ones: enumerations, patterns, bounds, required fields.
type schemas map[string]*jsonschema.Schema

// readSchemas takes the custom resource definitions out of the very modules that
// the Go types come from, so that the two can't differ.
func readSchemas(ctx context.Context) (schemas, error) {
	out := schemas{}
	for _, from := range []struct{ module, file string }{
		{"github.com/envoyproxy/gateway", "charts/gateway-helm/charts/crds/crds/generated/gateway.envoyproxy.io_securitypolicies.yaml"},
		{"github.com/envoyproxy/gateway", "charts/gateway-helm/charts/crds/crds/generated/gateway.envoyproxy.io_clienttrafficpolicies.yaml"},
		{"istio.io/api", "kubernetes/customresourcedefinitions.gen.yaml"},
	} {
		dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", from.module).Output() //nolint:gosec // two fixed names
		if err != nil {
			return nil, fmt.Errorf("finding the module %s: %w", from.module, err)
		}
		if err := out.read(filepath.Join(strings.TrimSpace(string(dir)), from.file)); err != nil {
			return nil, fmt.Errorf("%s: %w", from.file, err)
		}
	}
	return out, nil
}

func (s schemas) read(file string) error {
	text, err := os.ReadFile(file) //nolint:gosec // a file of a module that go.mod pins
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	for part := range strings.SplitSeq(string(text), "\n---\n") {
		var definition apiextensions.CustomResourceDefinition
		if err := yaml.Unmarshal([]byte(part), &definition); err != nil {
			return fmt.Errorf("decoding: %w", err)
		}
		for _, version := range definition.Spec.Versions {
			if version.Schema == nil || version.Schema.OpenAPIV3Schema == nil {
				continue
			}
			name := definition.Spec.Group + "/" + version.Name + "/" + definition.Spec.Names.Kind
			if s[name], err = compile(version.Schema.OpenAPIV3Schema); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func compile(structural *apiextensions.JSONSchemaProps) (*jsonschema.Schema, error) {
	text, err := json.Marshal(structural)
	if err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return nil, fmt.Errorf("decoding the schema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	// A structural schema is of this draft's kind.
	compiler.DefaultDraft(jsonschema.Draft4)
	if err := compiler.AddResource("crd", parsed); err != nil {
		return nil, fmt.Errorf("compiling the schema: %w", err)
	}
	schema, err := compiler.Compile("crd")
	if err != nil {
		return nil, fmt.Errorf("compiling the schema: %w", err)
	}
	return schema, nil
}

// validate holds a document against its kind's schema; built-in kinds have none.
func (s schemas) validate(version, kind string, raw map[string]any) error {
	schema, ok := s[version+"/"+kind]
	if !ok {
		return nil
	}
	if err := schema.Validate(any(raw)); err != nil {
		return fmt.Errorf("against the custom resource's schema: %w", err)
	}
	return nil
}
