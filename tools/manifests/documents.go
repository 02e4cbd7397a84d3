package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"google.golang.org/protobuf/encoding/protojson"
	istiomesh "istio.io/api/mesh/v1alpha1"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// meshConfigKind is what this program calls Istio's mesh configuration, which is
// a chart's value and no Kubernetes object.
const meshConfigKind = "meshConfig"

// document is one YAML document, read.
type document struct {
	// where names it in a finding.
	where string
	kind  string
	// namespace and name are empty where the kind has none.
	namespace, name string
	// raw is what was written.
	raw map[string]any
	// object is the official type, filled.
	object any
}

// readDocuments decodes every document below dir, and notes what can't be.
func (c *checker) readDocuments(dir string) []*document {
	var docs []*document
	err := fs.WalkDir(c.tree, dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(file) != ".yaml" {
			return err
		}
		text, err := fs.ReadFile(c.tree, file)
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		parts := kubeyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			part, err := parts.Read()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if d := c.readDocument(file, part); d != nil {
				docs = append(docs, d)
			}
		}
	})
	if err != nil {
		c.fault(dir, "%v", err)
	}
	return docs
}

// readDocument decodes one document, strictly; nil when there is none in it, or
// none that can be read.
func (c *checker) readDocument(file string, text []byte) *document {
	// Names that stand twice are errors here; YAML would let the last one win.
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		c.fault(file, "%v", err)
		return nil
	}
	d := &document{where: file}
	if err := json.Unmarshal(asJSON, &d.raw); err != nil {
		c.fault(file, "not an object: %v", err)
		return nil
	}
	if len(d.raw) == 0 {
		return nil
	}
	if mesh, ok := d.raw[meshConfigKind]; ok && len(d.raw) == 1 {
		return c.readMeshConfig(d, mesh)
	}
	version, _ := d.raw["apiVersion"].(string)
	d.kind, _ = d.raw["kind"].(string)
	metadata, _ := d.raw["metadata"].(map[string]any)
	d.name, _ = metadata["name"].(string)
	d.namespace, _ = metadata["namespace"].(string)
	d.where = fmt.Sprintf("%s: %s %s", file, d.kind, d.name)

	kind, ok := kinds()[version+"/"+d.kind]
	if !ok {
		c.fault(d.where, "%s/%s is no kind that is known here", version, d.kind)
		return nil
	}
	d.object = kind.empty()
	if err := kind.decode(asJSON, d.object); err != nil {
		c.fault(d.where, "%v", err)
		return nil
	}
	for _, missing := range missingFields(d.raw, d.object) {
		c.fault(d.where, "%s is required", missing)
	}
	if err := c.schemas.validate(version, d.kind, d.raw); err != nil {
		c.fault(d.where, "%v", err)
	}
	return d
}

func (c *checker) readMeshConfig(d *document, mesh any) *document {
	d.kind, d.where = meshConfigKind, d.where+": "+meshConfigKind
	text, err := json.Marshal(mesh)
	if err != nil {
		c.fault(d.where, "%v", err)
		return nil
	}
	config := &istiomesh.MeshConfig{}
	if err := protojson.Unmarshal(text, config); err != nil {
		c.fault(d.where, "%v", err)
		return nil
	}
	d.object = config
	return d
}

func ofKind(docs []*document, kind string) []*document {
	var out []*document
	for _, d := range docs {
		if d.kind == kind {
			out = append(out, d)
		}
	}
	return out
}

// objects gives the documents that hold a T.
func objects[T any](docs []*document) []found[T] {
	var out []found[T]
	for _, d := range docs {
		if o, ok := d.object.(T); ok {
			out = append(out, found[T]{document: d, object: o})
		}
	}
	return out
}

// found is a document whose type is known.
type found[T any] struct {
	*document
	object T
}
