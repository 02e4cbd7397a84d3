package main

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	bootstrap "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3" // named by the configuration
	extauthz "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	mutation "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3" // named by the configuration
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3" // named by the configuration
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"
)

// envoy checks the configuration that the compose file gives Envoy: that it is
// one, that it finds the other services, and that it fails closed.
func (c *checker) envoy(project *types.Project) {
	config, ok := project.Configs["envoy"]
	if !ok {
		c.fault(composeFile, "envoy has no configuration")
		return
	}
	file := path.Join(path.Dir(composeFile), config.File)
	text, err := fs.ReadFile(c.tree, file)
	if err != nil {
		c.fault(file, "%v", err)
		return
	}
	boot, err := readBootstrap(text)
	if err != nil {
		c.fault(file, "%v", err)
		return
	}
	c.listeners(file, boot, project)
	ports := map[string]uint32{}
	for _, cl := range boot.GetStaticResources().GetClusters() {
		c.endpoints(file, cl, project, ports)
	}
	// Names and ports are the server's own defaults, as the image has them.
	if ports["keystile"] != 9090 {
		c.fault(file, "no cluster reaches keystile:9090")
	}
	environment := project.Services["envoy"].Environment
	for _, match := range regexp.MustCompile(`%ENVIRONMENT\(([A-Z_]+)\)%`).FindAllStringSubmatch(string(text), -1) {
		if _, ok := environment[match[1]]; !ok {
			c.fault(file, "reads %s, which the compose file does not give to envoy", match[1])
		}
	}
}

// readBootstrap decodes strictly, down into every typed configuration, and
// applies Envoy's own rules.
func readBootstrap(text []byte) (*bootstrap.Bootstrap, error) {
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	boot := &bootstrap.Bootstrap{}
	if err := protojson.Unmarshal(asJSON, boot); err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	if err := boot.ValidateAll(); err != nil {
		return nil, fmt.Errorf("against Envoy's rules: %w", err)
	}
	return boot, nil
}

// listeners wants each to ask Keystile first, and to be the port that is
// published.
func (c *checker) listeners(file string, boot *bootstrap.Bootstrap, project *types.Project) {
	published := map[uint32]bool{}
	for _, port := range project.Services["envoy"].Ports {
		published[port.Target] = true
	}
	if boot.GetAdmin() != nil {
		c.fault(file, "Envoy's admin interface can stop it and show its key: leave it out")
	}
	for _, l := range boot.GetStaticResources().GetListeners() {
		if port := l.GetAddress().GetSocketAddress().GetPortValue(); !published[port] {
			c.fault(file, "listens on %d, which is not published", port)
		}
		for _, chain := range l.GetFilterChains() {
			for _, filter := range chain.GetFilters() {
				manager := &hcm.HttpConnectionManager{}
				if !c.typed(file, filter.GetTypedConfig(), manager) {
					continue
				}
				// What a client says in Keystile's place is removed first, and then it is
				// asked.
				filters := manager.GetHttpFilters()
				if len(filters) < 2 {
					c.fault(file, "the HTTP filters must begin with header_mutation and ext_authz")
				} else {
					authz := &extauthz.ExtAuthz{}
					if c.typed(file, filters[0].GetTypedConfig(), &mutation.HeaderMutation{}) && c.typed(file, filters[1].GetTypedConfig(), authz) {
						c.asks(file, authz)
					}
				}
			}
		}
	}
}

// asks wants the question to be put so that no answer lets nobody through.
func (c *checker) asks(file string, authz *extauthz.ExtAuthz) {
	if err := authz.ValidateAll(); err != nil {
		c.fault(file, "against Envoy's rules: %v", err)
	}
	if authz.GetFailureModeAllow() || authz.GetFailureModeAllowHeaderAdd() {
		c.fault(file, "failure_mode_allow must be false")
	}
	if authz.GetStatusOnError().GetCode() != 503 {
		c.fault(file, "status_on_error must be 503: no answer is no refusal")
	}
	c.waits(file, authz.GetGrpcService().GetTimeout().AsDuration())
	if name := authz.GetGrpcService().GetEnvoyGrpc().GetClusterName(); name != "keystile" {
		c.fault(file, "asks the cluster %q", name)
	}
	for _, header := range authz.GetGrpcService().GetInitialMetadata() {
		if header.GetKey() == "authorization" && !strings.HasPrefix(header.GetValue(), "Bearer %ENVIRONMENT(") {
			c.fault(file, "Envoy's key must come from its environment")
		}
	}
}

// typed unpacks a typed configuration, which has to be of the wanted kind.
func (c *checker) typed(file string, packed *anypb.Any, into interface {
	proto.Message
	ValidateAll() error
}) bool {
	if err := packed.UnmarshalTo(into); err != nil {
		c.fault(file, "%v", err)
		return false
	}
	if err := into.ValidateAll(); err != nil {
		c.fault(file, "against Envoy's rules: %v", err)
		return false
	}
	return true
}

// endpoints wants each to be a service that Envoy can reach.
func (c *checker) endpoints(file string, cl *cluster.Cluster, project *types.Project, ports map[string]uint32) {
	for _, locality := range cl.GetLoadAssignment().GetEndpoints() {
		for _, endpoint := range locality.GetLbEndpoints() {
			address := endpoint.GetEndpoint().GetAddress().GetSocketAddress()
			if _, ok := project.Services[address.GetAddress()]; !ok || !shared(project, "envoy", address.GetAddress()) {
				c.fault(file, "cluster %s reaches for %s, which is no service on a network of envoy", cl.GetName(), address.GetAddress())
			}
			ports[address.GetAddress()] = address.GetPortValue()
		}
	}
}
