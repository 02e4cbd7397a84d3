// Command openapi is a protoc plugin that writes the REST interface down as an
// OpenAPI 3.0 document: messages and comments from the protos, paths from
// http.yaml. buf.gen.yaml calls it.
//
// Its option http names http.yaml, seen from the directory it runs in.
package main

import (
	"bytes"
	"encoding/json"
	"flag"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	var flags flag.FlagSet
	rulesFile := flags.String("http", "", "the REST map")
	protogen.Options{ParamFunc: flags.Set}.Run(func(gen *protogen.Plugin) error {
		gen.SupportedFeatures = uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL)
		return generate(gen, *rulesFile)
	})
}

func generate(gen *protogen.Plugin, rulesFile string) error {
	rules, err := readRules(rulesFile, gen)
	if err != nil {
		return err
	}
	doc, err := document(rules)
	if err != nil {
		return err
	}
	text, err := encode(doc)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text, "", "  "); err != nil {
		return err
	}
	pretty.WriteByte('\n')
	_, err = gen.NewGeneratedFile("openapi.json", "").Write(pretty.Bytes())
	return err
}
