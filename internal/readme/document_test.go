package main

import (
	"strings"
	"testing"
)

func TestParseDocument(t *testing.T) {
	const text = "# Title\n" +
		"<!-- ci: background http://127.0.0.1:9091/readyz -->\n" +
		"<!-- ci: capture ks_... ks_[0-9A-Za-z]+ -->\n" +
		"```sh\ngo run ./cmd/keystile serve\n```\n" +
		"Then:\n\n" +
		"1. item\n\n" +
		"   <!-- ci: expect \"allowed\":true -->\n" +
		"   ```sh\n   curl x\n   ```\n" +
		"```json\n{}\n```\n" +
		"<!-- ci: skip needs Docker -->\n" +
		"```sh\ndocker build .\n```\n"
	doc, err := parseDocument("README.md", text)
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.steps) != 3 {
		t.Fatalf("found %d steps, want 3: %+v", len(doc.steps), doc.steps)
	}
	serve, curl, docker := doc.steps[0], doc.steps[1], doc.steps[2]
	if !serve.background || serve.ready != "http://127.0.0.1:9091/readyz" || serve.line != 4 || len(serve.capture) != 1 {
		t.Errorf("serve: %+v", serve)
	}
	if curl.text != "curl x\n" || len(curl.expect) != 1 || curl.background {
		t.Errorf("curl: %+v", curl)
	}
	if docker.skip != "needs Docker" {
		t.Errorf("docker: %+v", docker)
	}
}

func TestParseDocumentRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"<!-- ci: skip -->\n```sh\nx\n```\n", "d:1: skip needs a reason"},
		{"<!-- ci: skpi why -->\n```sh\nx\n```\n", "d:1: unknown convention"},
		{"<!-- ci:skip why -->\n```sh\nx\n```\n", "d:1: not understood"},
		{"<!-- ci: stop -->\nno block\n", "d:1: no ```sh block"},
		{"```bash\nx\n```\n", "d:1: write ```sh"},
		{"\n```sh\nx\n", "d:2: this fence is never closed"},
		{"<!-- ci: exit 0 -->\n```sh\nx\n```\n", "d:1: exit needs"},
		{"<!-- ci: capture x [ -->\n```sh\nx\n```\n", "d:1: error parsing regexp"},
	} {
		_, err := parseDocument("d", c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.text, err, c.want)
		}
	}
}
