// Command manifests holds the shipped deployments to what they are read by:
// every Kubernetes document is decoded strictly into the official Go types and
// held against the schemas that come with them, the compose file goes through
// compose's own loader, Envoy's configuration through Envoy's own messages.
// Then it checks what no schema knows: that names meet, that ports and settings
// exist in the server that is built, that nothing fails open.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("manifests", flag.ContinueOnError)
	flags.SetOutput(errs)
	root := flags.String("root", "../..", "the repository")
	binary := flags.String("keystile", "../../bin/keystile", "the server that the manifests are for")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	// It is started in other folders than this one.
	server, err := filepath.Abs(*binary)
	if err != nil {
		fmt.Fprintln(errs, err)
		return 2
	}
	schemas, err := readSchemas(ctx)
	if err != nil {
		fmt.Fprintln(errs, err)
		return 2
	}
	c := &checker{tree: os.DirFS(*root), server: &program{path: server}, schemas: schemas}
	found := c.check(ctx)
	for _, f := range found {
		fmt.Fprintln(errs, f)
	}
	if len(found) > 0 {
		fmt.Fprintf(errs, "%d findings\n", len(found))
		return 1
	}
	fmt.Fprintf(out, "%d Kubernetes documents, %d compose services and their Envoy are as they should be\n", c.documents, c.services)
	return 0
}
