package main

import (
	"encoding/json"
	"errors"
	"fmt"

	gateway "github.com/envoyproxy/gateway/api/v1alpha1"
	"google.golang.org/protobuf/encoding/protojson"
	istio "istio.io/client-go/pkg/apis/security/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	gatewaygrants "sigs.k8s.io/gateway-api/apis/v1beta1"
	kubejson "sigs.k8s.io/json"
)

// kind is how one kind of document is read.
type kind struct {
	empty  func() any
	decode func(text []byte, into any) error
}

// kinds lists every kind that a shipped manifest may hold, by apiVersion/kind.
func kinds() map[string]kind {
	return map[string]kind{
		"v1/Namespace":                       plain[core.Namespace](),
		"v1/ServiceAccount":                  plain[core.ServiceAccount](),
		"v1/Secret":                          plain[core.Secret](),
		"v1/Service":                         plain[core.Service](),
		"apps/v1/Deployment":                 plain[apps.Deployment](),
		"batch/v1/Job":                       plain[batch.Job](),
		"policy/v1/PodDisruptionBudget":      plain[policy.PodDisruptionBudget](),
		"networking.k8s.io/v1/NetworkPolicy": plain[networking.NetworkPolicy](),
		"gateway.envoyproxy.io/v1alpha1/SecurityPolicy":      plain[gateway.SecurityPolicy](),
		"gateway.envoyproxy.io/v1alpha1/ClientTrafficPolicy": plain[gateway.ClientTrafficPolicy](),
		"gateway.networking.k8s.io/v1beta1/ReferenceGrant":   plain[gatewaygrants.ReferenceGrant](),
		"security.istio.io/v1/AuthorizationPolicy": {
			empty:  func() any { return new(istio.AuthorizationPolicy) },
			decode: decodeAuthorizationPolicy,
		},
	}
}

// plain is a kind whose fields are those of its Go type.
func plain[T any]() kind {
	return kind{
		empty: func() any { return new(T) },
		decode: func(text []byte, into any) error {
			return strictly(text, into)
		},
	}
}

// strictly decodes as the API server does with strict field validation: names
// have their case, unknown ones and ones that stand twice are errors.
func strictly(text []byte, into any) error {
	unknown, err := kubejson.UnmarshalStrict(text, into)
	if err = errors.Join(append(unknown, err)...); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	return nil
}

// decodeAuthorizationPolicy reads the frame and the specification apart: the
// specification is a message whose own decoder passes over what it doesn't know.
func decodeAuthorizationPolicy(text []byte, into any) error {
	policy, ok := into.(*istio.AuthorizationPolicy)
	if !ok {
		return fmt.Errorf("%T is no AuthorizationPolicy", into)
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	spec := parts["spec"]
	delete(parts, "spec")
	frame, err := json.Marshal(parts)
	if err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	if err := strictly(frame, policy); err != nil {
		return err
	}
	if len(spec) == 0 {
		return fmt.Errorf("spec is required")
	}
	if err := protojson.Unmarshal(spec, &policy.Spec); err != nil {
		return fmt.Errorf("decoding spec: %w", err)
	}
	return nil
}
