package main

import (
	"maps"
	"slices"
	"strings"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// names wants every document to have a name, and a namespace where its kind
// lives in one; and what kubernetes holds beside its examples to be in one place.
func (c *checker) names(docs []*document) {
	seen := map[string]bool{}
	for _, d := range docs {
		if d.kind == meshConfigKind {
			continue
		}
		id := d.kind + " " + d.namespace + "/" + d.name
		if seen[id] {
			c.fault(d.where, "is written down twice")
		}
		seen[id] = true
		if d.name == "" || (d.namespace == "") != (d.kind == "Namespace") {
			c.fault(d.where, "needs a name, and a namespace unless it is one")
		}
		if !strings.Contains(d.where, "/examples/") && d.kind != "Namespace" && d.namespace != "keystile" {
			c.fault(d.where, "is in the namespace %q", d.namespace)
		}
	}
}

// selected gives the pods that a selector means.
func selected(docs []*document, namespace string, selector *meta.LabelSelector) ([]workload, error) {
	parsed, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says which selector
	}
	var out []workload
	for _, w := range workloads(docs) {
		if w.namespace == namespace && parsed.Matches(labels.Set(w.template.Labels)) {
			out = append(out, w)
		}
	}
	return out, nil
}

// network wants every selector to mean pods, and every port to be one of theirs.
func (c *checker) network(docs []*document) {
	for _, d := range objects[*apps.Deployment](docs) {
		c.mustSelect(docs, d.document, d.object.Spec.Selector, "")
		for _, spread := range d.object.Spec.Template.Spec.TopologySpreadConstraints {
			c.mustSelect(docs, d.document, spread.LabelSelector, "")
		}
		if len(d.object.Spec.Template.Spec.TopologySpreadConstraints) == 0 {
			c.fault(d.where, "nothing spreads the replicas")
		}
	}
	for _, d := range objects[*policy.PodDisruptionBudget](docs) {
		c.mustSelect(docs, d.document, d.object.Spec.Selector, "")
		if most := d.object.Spec.MaxUnavailable; most == nil || most.IntValue() != 1 {
			c.fault(d.where, "maxUnavailable must be 1: with less no node can be drained")
		}
	}
	for _, d := range objects[*core.Service](docs) {
		selector := &meta.LabelSelector{MatchLabels: d.object.Spec.Selector}
		if len(d.object.Spec.Selector) == 0 {
			c.fault(d.where, "selects nothing")
		}
		for _, port := range d.object.Spec.Ports {
			target := port.TargetPort.String()
			c.mustSelect(docs, d.document, selector, target)
			if port.AppProtocol == nil || (target == "grpc") != (*port.AppProtocol == "kubernetes.io/h2c") {
				c.fault(d.where, "port %s must say its appProtocol, kubernetes.io/h2c for gRPC alone", port.Name)
			}
		}
	}
	for _, d := range objects[*networking.NetworkPolicy](docs) {
		c.policy(docs, d.document, d.object)
	}
}

// mustSelect wants a selector to mean pods that all have the port, if one is
// named.
func (c *checker) mustSelect(docs []*document, d *document, selector *meta.LabelSelector, port string) {
	pods, err := selected(docs, d.namespace, selector)
	if err != nil || len(pods) == 0 {
		c.fault(d.where, "its selector means no pod: %v", selector)
		return
	}
	for _, w := range pods {
		if port != "" && !hasPort(&w.template.Spec, port) {
			c.fault(d.where, "port %s is none of %s", port, w.where)
		}
	}
}

func hasPort(pod *core.PodSpec, name string) bool {
	return slices.ContainsFunc(pod.Containers, func(container core.Container) bool {
		return portOf(&container, name) != 0
	})
}

// policy wants a policy to mean pods, and to let in or out for something named.
func (c *checker) policy(docs []*document, d *document, p *networking.NetworkPolicy) {
	c.mustSelect(docs, d, &p.Spec.PodSelector, "")
	if len(p.Spec.PolicyTypes) == 0 {
		c.fault(d.where, "policyTypes must be said")
	}
	for _, rule := range p.Spec.Ingress {
		if len(rule.From) == 0 || len(rule.Ports) == 0 {
			c.fault(d.where, "lets everybody in, or to every port")
		}
		for _, port := range rule.Ports {
			if port.Port != nil && port.Port.Type == intstr.String {
				c.mustSelect(docs, d, &p.Spec.PodSelector, port.Port.StrVal)
			}
		}
		for _, from := range rule.From {
			c.peer(d, from)
		}
	}
	for _, rule := range p.Spec.Egress {
		if len(rule.To) == 0 || len(rule.Ports) == 0 {
			c.fault(d.where, "lets out to everybody, or to every port")
		}
		for _, to := range rule.To {
			c.peer(d, to)
		}
	}
}

// peer wants a peer to be somebody: an empty selector is everybody.
func (c *checker) peer(d *document, peer networking.NetworkPolicyPeer) {
	empty := func(s *meta.LabelSelector) bool { return s == nil || len(s.MatchLabels)+len(s.MatchExpressions) == 0 }
	switch {
	case peer.IPBlock != nil && (peer.IPBlock.CIDR == "0.0.0.0/0" || peer.IPBlock.CIDR == "::/0"),
		peer.IPBlock == nil && empty(peer.NamespaceSelector) && empty(peer.PodSelector):
		c.fault(d.where, "a peer is everybody")
	}
}

// service finds the port of a Service by its number; false when there is none.
func service(docs []*document, namespace, name string, port int64) (core.ServicePort, bool) {
	for _, d := range objects[*core.Service](docs) {
		if d.namespace != namespace || d.name != name {
			continue
		}
		for _, p := range d.object.Spec.Ports {
			if int64(p.Port) == port {
				return p, true
			}
		}
	}
	return core.ServicePort{}, false
}

// sortedNames gives a set in order, for findings that read the same each time.
func sortedNames[V any](set map[string]V) []string { return slices.Sorted(maps.Keys(set)) }
