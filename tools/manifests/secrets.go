package main

import (
	"context"
	"maps"
	"strings"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
)

// goodPepper is a pepper file that the server takes.
const goodPepper = "test MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n"

// secretKeys wants every reference to a Secret to meet one.
func (c *checker) secretKeys(where, namespace string, container *core.Container, docs []*document) {
	for _, v := range container.Env {
		if v.ValueFrom == nil || v.ValueFrom.SecretKeyRef == nil {
			if v.Name == "KEYSTILE_DATABASE_URL" {
				c.fault(where, "%s must come from a Secret", v.Name)
			}
			continue
		}
		if ref := v.ValueFrom.SecretKeyRef; !hasSecret(docs, namespace, ref.Name, ref.Key) {
			c.fault(where, "%s takes %s/%s, which no example Secret holds", v.Name, ref.Name, ref.Key)
		}
	}
}

func hasSecret(docs []*document, namespace, name, key string) bool {
	for _, d := range objects[*core.Secret](docs) {
		if d.namespace == namespace && d.name == name {
			_, ok := d.object.StringData[key]
			return ok
		}
	}
	return false
}

// placeholders starts the server with what the example Secrets hold, and wants
// it to refuse: a default credential must not exist. The Deployment's other
// settings go along, so that a value which the server can't read shows too.
func (c *checker) placeholders(ctx context.Context, docs []*document) {
	for _, d := range objects[*core.Secret](docs) {
		if len(d.object.Data) > 0 {
			c.fault(d.where, "holds data: an example's values are written out, in stringData")
		}
		for _, deployment := range objects[*apps.Deployment](docs) {
			env := variables(&deployment.object.Spec.Template.Spec.Containers[0])
			env["KEYSTILE_DATABASE_URL"] = d.object.StringData["database-url"]
			c.wantRefusal(ctx, d.where, env, d.object.StringData["peppers"], "pepper")
			c.wantRefusal(ctx, d.where, env, goodPepper, "database URL")
		}
	}
}

// wantRefusal starts the server, which has to complain about the named thing.
func (c *checker) wantRefusal(ctx context.Context, where string, env map[string]string, peppers, about string) {
	env = maps.Clone(env)
	for _, name := range []string{"KEYSTILE_GRPC_LISTEN", "KEYSTILE_HTTP_LISTEN", "KEYSTILE_OPS_LISTEN"} {
		env[name] = "127.0.0.1:0"
	}
	said, err := c.server.refusal(ctx, env, peppers)
	switch {
	case err != nil:
		c.fault(where, "its values must not work, but %v", err)
	case !strings.Contains(said, about):
		c.fault(where, "the server should refuse for its %s, and says: %s", about, strings.TrimSpace(said))
	}
}
