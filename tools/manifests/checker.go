package main

import (
	"context"
	"fmt"
	"io/fs"
)

const (
	kubernetesDir = "deploy/kubernetes"
	composeFile   = "deploy/compose.yaml"
)

// checker looks at one copy of the repository, and collects what is wrong.
type checker struct {
	tree    fs.FS
	server  *program
	schemas schemas

	found []string
	// documents and services count what was looked at: a check that has lost its
	// way finds nothing wrong.
	documents, services int
}

// check gives everything that is wrong, each with its file.
func (c *checker) check(ctx context.Context) []string {
	c.kubernetes(ctx)
	c.compose(ctx)
	return c.found
}

// fault notes something wrong in a place.
func (c *checker) fault(where, format string, args ...any) {
	c.found = append(c.found, where+": "+fmt.Sprintf(format, args...))
}

// kubernetes checks every document below deploy/kubernetes.
func (c *checker) kubernetes(ctx context.Context) {
	docs := c.readDocuments(kubernetesDir)
	c.documents = len(docs)
	for _, want := range []string{
		"Namespace", "ServiceAccount", "Deployment", "Job", "Service", "Secret", "PodDisruptionBudget", "NetworkPolicy",
		"SecurityPolicy", "AuthorizationPolicy", meshConfigKind,
	} {
		if len(ofKind(docs, want)) == 0 {
			c.fault(kubernetesDir, "no document of kind %s", want)
		}
	}
	if len(c.found) > 0 {
		// What could not be read can't be judged.
		return
	}
	c.names(docs)
	c.pods(ctx, docs)
	c.network(docs)
	c.gateways(docs)
}
