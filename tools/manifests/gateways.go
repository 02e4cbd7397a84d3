package main

import (
	"slices"
	"strings"
	"time"

	gateway "github.com/envoyproxy/gateway/api/v1alpha1"
	istiomesh "istio.io/api/mesh/v1alpha1"
	istiosecurity "istio.io/api/security/v1beta1"
	istio "istio.io/client-go/pkg/apis/security/v1"
	gatewaygrants "sigs.k8s.io/gateway-api/apis/v1beta1"
)

// longestWait is the most that a gateway may wait for an answer.
const longestWait = time.Second

// credentialHeaders are what Keystile has to see; a gateway that sends a list of
// headers has to list these.
func credentialHeaders() []string {
	return []string{"authorization", "x-api-key", "origin", "access-control-request-method"}
}

// identityHeaders are what the service behind has to get from Keystile and from
// nobody else.
func identityHeaders() []string {
	return []string{
		"x-keystile-tenant", "x-keystile-user", "x-keystile-key", "x-keystile-roles", "x-keystile-api", "x-keystile-decision",
	}
}

// gateways checks the examples: that they find Keystile, and fail closed.
func (c *checker) gateways(docs []*document) {
	for _, d := range objects[*gateway.SecurityPolicy](docs) {
		c.securityPolicy(docs, d)
	}
	providers := map[string]bool{}
	for _, d := range objects[*istiomesh.MeshConfig](docs) {
		for _, p := range d.object.ExtensionProviders {
			providers[p.Name] = true
			c.provider(docs, d.where+": "+p.Name, p)
		}
	}
	for _, d := range objects[*istio.AuthorizationPolicy](docs) {
		spec := &d.object.Spec
		if spec.Action != istiosecurity.AuthorizationPolicy_CUSTOM {
			c.fault(d.where, "its action must be CUSTOM")
		}
		if name := spec.GetProvider().GetName(); !providers[name] {
			c.fault(d.where, "no provider is called %q, of %v", name, sortedNames(providers))
		}
		if len(spec.Rules) == 0 {
			c.fault(d.where, "without a rule it asks about no request and lets all through")
		}
	}
}

func (c *checker) securityPolicy(docs []*document, d found[*gateway.SecurityPolicy]) {
	auth := d.object.Spec.ExtAuth
	if auth == nil {
		c.fault(d.where, "no extAuth")
		return
	}
	if auth.FailOpen == nil || *auth.FailOpen {
		c.fault(d.where, "failOpen must be said, and be false")
	}
	if auth.StatusOnError == nil || *auth.StatusOnError != 503 {
		c.fault(d.where, "statusOnError must be 503: no answer is no refusal")
	}
	var timeout time.Duration
	if auth.Timeout != nil {
		timeout, _ = time.ParseDuration(string(*auth.Timeout))
	}
	c.waits(d.where, timeout)
	target := "grpc"
	var backends []gateway.BackendRef
	switch {
	case auth.GRPC != nil:
		backends = auth.GRPC.BackendRefs
	case auth.HTTP != nil:
		target, backends = "http", auth.HTTP.BackendRefs
		if auth.HTTP.Path == nil || *auth.HTTP.Path != "/ext-authz" {
			c.fault(d.where, "the path over HTTP is /ext-authz")
		}
		c.lists(d.where, "headersToBackend", auth.HTTP.HeadersToBackend, identityHeaders())
	}
	if auth.HTTP != nil || auth.HeadersToExtAuth != nil {
		c.lists(d.where, "headersToExtAuth", auth.HeadersToExtAuth, credentialHeaders())
	}
	if len(backends) == 0 {
		c.fault(d.where, "names no backend")
	}
	for _, backend := range backends {
		namespace, port := d.namespace, int64(0)
		if backend.Namespace != nil {
			namespace = string(*backend.Namespace)
		}
		if backend.Port != nil {
			port = int64(*backend.Port)
		}
		c.reaches(docs, d.where, namespace, string(backend.Name), port, target)
		if namespace != d.namespace && !granted(docs, d.namespace, namespace, string(backend.Name)) {
			c.fault(d.where, "no ReferenceGrant lets it name %s/%s", namespace, backend.Name)
		}
	}
}

// granted tells whether a SecurityPolicy of one namespace may name a Service of
// another.
func granted(docs []*document, from, to, name string) bool {
	for _, d := range objects[*gatewaygrants.ReferenceGrant](docs) {
		if d.namespace != to {
			continue
		}
		grants := slices.ContainsFunc(d.object.Spec.From, func(f gatewaygrants.ReferenceGrantFrom) bool {
			return f.Group == "gateway.envoyproxy.io" && f.Kind == "SecurityPolicy" && string(f.Namespace) == from
		})
		names := slices.ContainsFunc(d.object.Spec.To, func(t gatewaygrants.ReferenceGrantTo) bool {
			return t.Group == "" && t.Kind == "Service" && (t.Name == nil || string(*t.Name) == name)
		})
		if grants && names {
			return true
		}
	}
	return false
}

// provider checks one of Istio's extension providers.
func (c *checker) provider(docs []*document, where string, p *istiomesh.MeshConfig_ExtensionProvider) {
	switch {
	case p.GetEnvoyExtAuthzGrpc() != nil:
		grpc := p.GetEnvoyExtAuthzGrpc()
		c.closed(where, grpc.FailOpen, grpc.StatusOnError)
		c.waits(where, grpc.Timeout.AsDuration())
		c.inCluster(docs, where, grpc.Service, grpc.Port, "grpc")
	case p.GetEnvoyExtAuthzHttp() != nil:
		http := p.GetEnvoyExtAuthzHttp()
		c.closed(where, http.FailOpen, http.StatusOnError)
		c.waits(where, http.Timeout.AsDuration())
		c.inCluster(docs, where, http.Service, http.Port, "http")
		if http.PathPrefix != "/ext-authz" {
			c.fault(where, "pathPrefix must be /ext-authz")
		}
		c.lists(where, "includeRequestHeadersInCheck", http.IncludeRequestHeadersInCheck, credentialHeaders())
		c.lists(where, "headersToUpstreamOnAllow", http.HeadersToUpstreamOnAllow, identityHeaders())
		c.lists(where, "headersToDownstreamOnDeny", http.HeadersToDownstreamOnDeny, []string{"content-type", "retry-after", "x-keystile-reason"})
	default:
		c.fault(where, "is no authorization service")
	}
}

func (c *checker) closed(where string, failOpen bool, status string) {
	if failOpen {
		c.fault(where, "failOpen must be false")
	}
	if status != "503" {
		c.fault(where, "statusOnError must be 503: no answer is no refusal")
	}
}

// waits wants a bound on how long a request is held up.
func (c *checker) waits(where string, timeout time.Duration) {
	if timeout <= 0 || timeout > longestWait {
		c.fault(where, "the timeout must be said, and be at most %s", longestWait)
	}
}

// lists wants a list of headers to name them all.
func (c *checker) lists(where, field string, have, want []string) {
	for _, name := range want {
		if !slices.ContainsFunc(have, func(h string) bool { return strings.EqualFold(h, name) }) {
			c.fault(where, "%s must list %s", field, name)
		}
	}
}

// inCluster finds a Service by the name that cluster DNS gives it.
func (c *checker) inCluster(docs []*document, where, host string, port uint32, target string) {
	name, rest, _ := strings.Cut(host, ".")
	namespace, suffix, _ := strings.Cut(rest, ".")
	if suffix != "svc.cluster.local" {
		c.fault(where, "%q is no full name of a Service", host)
		return
	}
	c.reaches(docs, where, namespace, name, int64(port), target)
}

// reaches wants a Service's port to lead to the named port of the pods.
func (c *checker) reaches(docs []*document, where, namespace, name string, port int64, target string) {
	p, ok := service(docs, namespace, name, port)
	if !ok {
		c.fault(where, "%s/%s has no port %d", namespace, name, port)
		return
	}
	if p.TargetPort.String() != target {
		c.fault(where, "port %d of %s/%s is %s, not %s", port, namespace, name, p.TargetPort.String(), target)
	}
}
