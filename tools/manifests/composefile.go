package main

import (
	"context"
	"io/fs"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// secretsOf are the variables that the compose file has to be given, without a
// default.
func secretsOf() types.Mapping { return types.Mapping{"POSTGRES_PASSWORD": "given-by-the-operator"} }

// compose checks deploy/compose.yaml, and the files that it mounts.
func (c *checker) compose(ctx context.Context) {
	content, err := fs.ReadFile(c.tree, composeFile)
	if err != nil {
		c.fault(composeFile, "%v", err)
		return
	}
	for name := range secretsOf() {
		without := secretsOf()
		delete(without, name)
		if _, err := load(ctx, content, without); err == nil || !strings.Contains(err.Error(), name) {
			c.fault(composeFile, "must not start without %s", name)
		}
	}
	project, err := load(ctx, content, secretsOf())
	if err != nil {
		c.fault(composeFile, "%v", err)
		return
	}
	c.services = len(project.Services)
	for _, name := range sortedNames(project.Services) {
		service := project.Services[name]
		where := composeFile + ": " + name
		c.container(where, &service)
		c.starts(where, &service, project)
		if service.Build != nil {
			c.keystile(ctx, where, &service)
		}
		for _, mount := range service.Configs {
			c.mountedConfig(where, mount, project)
		}
	}
	c.networks(project)
	c.envoy(project)
}

// load reads the file as compose does: schema, interpolation, consistency.
func load(ctx context.Context, content []byte, env types.Mapping) (*types.Project, error) {
	details := types.ConfigDetails{
		WorkingDir:  path.Dir(composeFile),
		ConfigFiles: []types.ConfigFile{{Filename: composeFile, Content: content}},
		Environment: env,
	}
	return loader.LoadWithContext(ctx, details, func(o *loader.Options) { //nolint:wrapcheck // it says where
		o.ResolvePaths = false
		o.SetProjectName("check", false)
	})
}

// container wants one that has nothing to gain, and that only this machine
// reaches.
func (c *checker) container(where string, s *types.ServiceConfig) {
	if s.Build == nil {
		c.pinned(where, s.Image)
	}
	user, _, _ := strings.Cut(s.User, ":")
	for what, ok := range map[string]bool{
		"read_only must be true":                      s.ReadOnly,
		"security_opt must hold no-new-privileges":    slices.Contains(s.SecurityOpt, "no-new-privileges:true"),
		"cap_drop must be ALL":                        slices.Equal(s.CapDrop, []string{"ALL"}) && len(s.CapAdd) == 0,
		"user must be a number that is not 0":         user != "" && strings.Trim(user, "0123456789") == "" && strings.Trim(user, "0") != "",
		"must not be privileged or on the host":       !s.Privileged && s.NetworkMode == "" && s.Pid == "" && s.Ipc == "",
		"must be on a network that says who may talk": len(s.Networks) > 0 && s.Networks["default"] == nil,
	} {
		if !ok {
			c.fault(where, "%s", what)
		}
	}
	c.credentials(where, s)
	for _, port := range s.Ports {
		if addr, err := netip.ParseAddr(port.HostIP); err != nil || !addr.IsLoopback() {
			c.fault(where, "port %s is published on %q: only loopback", port.Published, port.HostIP)
		}
	}
}

// credentials wants every password to be the operator's, and none in a URL.
func (c *checker) credentials(where string, s *types.ServiceConfig) {
	for name, value := range s.Environment {
		given := secretsOf()["POSTGRES_PASSWORD"]
		switch parsed, err := url.Parse(text(value)); {
		case strings.Contains(name, "PASSWORD") && text(value) != given:
			c.fault(where, "%s is not the password that was given", name)
		case strings.HasSuffix(name, "_URL") && (err != nil || parsed.User == nil || hasPassword(parsed.User)):
			c.fault(where, "%s must name a user and no password", name)
		}
	}
}

// text is a variable's value; one without a value has none.
func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

func hasPassword(user *url.Userinfo) bool {
	_, ok := user.Password()
	return ok
}

// starts wants what a service waits for to be something that can come true.
func (c *checker) starts(where string, s *types.ServiceConfig, project *types.Project) {
	for name, on := range s.DependsOn {
		other := project.Services[name]
		switch {
		case on.Condition == types.ServiceConditionHealthy && other.HealthCheck == nil:
			c.fault(where, "waits for the health of %s, which has no health check", name)
		case on.Condition == types.ServiceConditionCompletedSuccessfully && other.Restart != "no":
			c.fault(where, "waits for the end of %s, which restarts", name)
		case on.Condition == types.ServiceConditionStarted:
			c.fault(where, "does not wait until %s can answer", name)
		}
	}
}

// keystile checks a service that runs the server's image.
func (c *checker) keystile(ctx context.Context, where string, s *types.ServiceConfig) {
	dockerfile := s.Build.Dockerfile
	if dockerfile == "" {
		dockerfile = "Dockerfile"
	}
	if _, err := fs.Stat(c.tree, path.Join(path.Dir(composeFile), s.Build.Context, dockerfile)); err != nil {
		c.fault(where, "builds from a file that is not there: %v", err)
	}
	env := map[string]string{}
	for name, value := range s.Environment {
		env[name] = text(value)
	}
	c.command(ctx, where, s.Command, env)
	if len(s.Command) == 0 || s.Command[0] != "serve" {
		return
	}
	if s.HealthCheck == nil || !slices.Equal(s.HealthCheck.Test, []string{"CMD", "/keystile", "health"}) {
		c.fault(where, "its health check is: CMD /keystile health")
	} else if _, err := c.server.settingsOf(ctx, "health"); err != nil {
		c.fault(where, "%v", err)
	}
	known, err := c.server.settingsOf(ctx, "serve")
	if err != nil {
		return // noted by command
	}
	drain, err := drainTime(env, known)
	if err != nil {
		c.fault(where, "%v", err)
	}
	if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < drain+5*time.Second {
		c.fault(where, "stop_grace_period must be 5 s more than the %s that draining takes", drain)
	}
	// With every other setting as it is, a start must fail for its database alone.
	env["KEYSTILE_DATABASE_URL"] = "replace-me"
	said, err := c.server.refusal(ctx, env, goodPepper)
	if err != nil || !strings.Contains(said, "database URL") {
		c.fault(where, "the server does not take these settings: %v %s", err, strings.TrimSpace(said))
	}
}

// mountedConfig wants the file to be there, and to be mounted where it is used.
func (c *checker) mountedConfig(where string, mount types.ServiceConfigObjConfig, project *types.Project) {
	config, ok := project.Configs[mount.Source]
	if !ok {
		c.fault(where, "mounts the config %s, which is not there", mount.Source)
		return
	}
	if _, err := fs.Stat(c.tree, path.Join(path.Dir(composeFile), config.File)); err != nil {
		c.fault(where, "mounts a file that is not there: %v", err)
	}
}

// networks wants everything behind the edge to be out of the outside's reach,
// and what is protected to be reached through the gateway alone.
func (c *checker) networks(project *types.Project) {
	for name, network := range project.Networks {
		for _, s := range project.Services {
			if _, joined := s.Networks[name]; joined && !network.Internal && len(s.Ports) == 0 {
				c.fault(composeFile, "%s is on %s, which reaches the outside", s.Name, name)
			}
		}
	}
	if shared(project, "echo", "keystile") || shared(project, "echo", "postgres") || shared(project, "envoy", "postgres") {
		c.fault(composeFile, "echo and envoy must reach each other, and neither the other's neighbours")
	}
}

// shared tells whether two services are on one network.
func shared(project *types.Project, a, b string) bool {
	for name := range project.Services[a].Networks {
		if _, ok := project.Services[b].Networks[name]; ok {
			return true
		}
	}
	return false
}
