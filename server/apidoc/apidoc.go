// Package apidoc serves the description of the REST interface: the OpenAPI
// document itself, and a page to browse it. Everything is embedded; nothing is
// loaded from anywhere else, and the page's policy forbids it.
//
// openapi.json is generated from the protos and http.yaml; never edit it.
package apidoc

import (
	"crypto/sha256"
	_ "embed" // the files below
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/swaggest/swgui/v5emb"
)

var (
	//go:embed openapi.json
	openapiJSON string
	//go:embed page/index.html
	indexHTML string
	//go:embed page/page.js
	pageJS string
	//go:embed page/page.css
	pageCSS string
)

// policy lets the page load its own files and ask its own server, and nothing
// else. Images may be inline: the style sheet holds its icons that way.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves /openapi.json, /docs and what lies under /docs/. Any other path
// is 404.
func Handler() http.Handler {
	index := newDocument("text/html; charset=utf-8", indexHTML)
	own := map[string]*document{
		"/openapi.json":  newDocument("application/json", openapiJSON),
		"/docs":          index,
		"/docs/":         index,
		"/docs/page.js":  newDocument("text/javascript; charset=utf-8", pageJS),
		"/docs/page.css": newDocument("text/css; charset=utf-8", pageCSS),
	}
	// Of Swagger UI only its files are used; its own page has scripts inside,
	// which the policy forbids.
	library := v5emb.New("Keystile", "/openapi.json", "/docs/")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		d := own[r.URL.Path]
		switch {
		case d == nil && !isLibraryFile(r.URL.Path):
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		case d != nil:
			d.serve(w, r)
		default:
			library.ServeHTTP(w, r)
		}
	})
}

// document is one embedded file.
type document struct{ kind, tag, text string }

func newDocument(kind, text string) *document {
	digest := sha256.Sum256([]byte(text))
	return &document{kind: kind, tag: `"` + hex.EncodeToString(digest[:16]) + `"`, text: text}
}

func (d *document) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", d.kind)
	w.Header().Set("Etag", d.tag)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(d.text))
}

func isLibraryFile(path string) bool {
	switch name, _ := strings.CutPrefix(path, "/docs/"); name {
	case "swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png":
		return true
	default:
		return false
	}
}
