// Package gateway reads what gateways ask about their clients' requests, and
// words what they are told: Envoy's ext_authz over gRPC and HTTP, nginx's
// auth_request, and the forward-auth of Caddy, Traefik and HAProxy.
//
// It decides nothing, and it repairs nothing: a request goes on to the decision
// as the gateway will forward it. Each endpoint believes the headers of its own
// gateways and no others, since every gateway passes on what it does not know.
// It does no input or output and has no clock, so that each reader can be fuzzed
// alone.
package gateway
