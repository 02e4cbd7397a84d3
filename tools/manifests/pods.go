package main

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
)

// workload is one kind of pod that the manifests start.
type workload struct {
	where, namespace string
	template         *core.PodTemplateSpec
}

// workloads gives the pods of every Deployment and Job.
func workloads(docs []*document) []workload {
	var out []workload
	for _, d := range objects[*apps.Deployment](docs) {
		out = append(out, workload{where: d.where, namespace: d.namespace, template: &d.object.Spec.Template})
	}
	for _, d := range objects[*batch.Job](docs) {
		out = append(out, workload{where: d.where, namespace: d.namespace, template: &d.object.Spec.Template})
	}
	return out
}

// pods checks what runs.
func (c *checker) pods(ctx context.Context, docs []*document) {
	probes := map[string]bool{}
	images := map[string]bool{}
	for _, w := range workloads(docs) {
		pod := &w.template.Spec
		c.hardened(w.where, pod)
		c.mounts(w, docs)
		for i := range pod.Containers {
			container := &pod.Containers[i]
			where := w.where + ": container " + container.Name
			images[container.Image] = true
			c.pinned(where, container.Image)
			c.command(ctx, where, container.Args, variables(container))
			c.secretKeys(where, w.namespace, container, docs)
			c.ports(where, container)
			for _, probe := range []*core.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
				c.probe(where, container, probe, probes)
			}
		}
	}
	if len(images) != 1 {
		c.fault(kubernetesDir, "the migration and the server run different images: %v", images)
	}
	c.rollouts(ctx, docs)
	c.probePaths(ctx, probes)
	c.placeholders(ctx, docs)
}

// hardened wants a pod that has nothing to gain and nothing to give away.
func (c *checker) hardened(where string, pod *core.PodSpec) {
	want := func(ok bool, what string) {
		if !ok {
			c.fault(where, "%s", what)
		}
	}
	isFalse := func(b *bool) bool { return b != nil && !*b }
	isTrue := func(b *bool) bool { return b != nil && *b }
	want(isFalse(pod.EnableServiceLinks), "enableServiceLinks must be false: the variables of a Service called keystile pass for unknown settings")
	want(isFalse(pod.AutomountServiceAccountToken), "automountServiceAccountToken must be false")
	want(!pod.HostNetwork && !pod.HostPID && !pod.HostIPC, "must not share the host's namespaces")
	security := pod.SecurityContext
	want(security != nil && isTrue(security.RunAsNonRoot), "runAsNonRoot must be true")
	want(security != nil && security.SeccompProfile != nil && security.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault, "seccompProfile must be RuntimeDefault")
	want(len(pod.InitContainers) == 0, "init containers are not looked at here")
	for i := range pod.Containers {
		container := &pod.Containers[i]
		own := container.SecurityContext
		want(own != nil && isFalse(own.AllowPrivilegeEscalation), "allowPrivilegeEscalation must be false")
		want(own != nil && isTrue(own.ReadOnlyRootFilesystem), "readOnlyRootFilesystem must be true")
		want(own != nil && own.Capabilities != nil && len(own.Capabilities.Drop) == 1 && own.Capabilities.Drop[0] == "ALL" && len(own.Capabilities.Add) == 0,
			"capabilities must drop ALL and add none")
		want(container.Resources.Requests.Cpu().Sign() > 0 && container.Resources.Limits.Memory().Sign() > 0, "resources must request CPU and limit memory")
	}
}

// variables gives the environment as far as it is written out; "" stands for
// what comes from elsewhere.
func variables(container *core.Container) map[string]string {
	out := map[string]string{}
	for _, v := range container.Env {
		out[v.Name] = v.Value
	}
	return out
}

// pinned wants an image whose name means one version.
func (c *checker) pinned(where, image string) {
	if strings.Contains(image, "@sha256:") {
		return
	}
	name := image[strings.LastIndex(image, "/")+1:]
	_, tag, ok := strings.Cut(name, ":")
	if !ok || tag == "latest" || !strings.ContainsAny(tag, "0123456789") {
		c.fault(where, "the image %q is not pinned to a version", image)
	}
}

// command wants a command of the server with settings that it knows.
func (c *checker) command(ctx context.Context, where string, args []string, env map[string]string) {
	if len(args) == 0 {
		c.fault(where, "says no command")
		return
	}
	known, err := c.server.settingsOf(ctx, args[0])
	if err != nil {
		c.fault(where, "%v", err)
		return
	}
	for _, arg := range args[1:] {
		if name := flagName.FindString(arg); strings.HasPrefix(arg, "--") && !known.flags[name] {
			c.fault(where, "keystile %s has no flag %s", args[0], name)
		}
	}
	for name := range env {
		if strings.HasPrefix(name, "KEYSTILE_") && !known.variables[name] {
			c.fault(where, "keystile %s knows no setting %s", args[0], name)
		}
	}
	if _, chosen := env["KEYSTILE_CHECK_AUTH"]; args[0] == "serve" && !chosen {
		c.fault(where, "KEYSTILE_CHECK_AUTH must be chosen")
	}
}

// ports wants the listeners and the ports that are told to be the same.
func (c *checker) ports(where string, container *core.Container) {
	env := variables(container)
	for name, variable := range map[string]string{"grpc": "KEYSTILE_GRPC_LISTEN", "http": "KEYSTILE_HTTP_LISTEN", "ops": "KEYSTILE_OPS_LISTEN"} {
		for _, port := range container.Ports {
			if port.Name == name && env[variable] != fmt.Sprintf(":%d", port.ContainerPort) {
				c.fault(where, "port %s is %d, but %s is %q", name, port.ContainerPort, variable, env[variable])
			}
		}
	}
}

// probe wants a probe of the operations listener, and notes its path.
func (c *checker) probe(where string, container *core.Container, probe *core.Probe, paths map[string]bool) {
	if len(container.Ports) == 0 {
		return // a job: nobody asks how it is
	}
	if probe == nil || probe.HTTPGet == nil {
		c.fault(where, "needs startup, liveness and readiness probes over HTTP")
		return
	}
	if probe.HTTPGet.Port.String() != "ops" || portOf(container, "ops") == 0 {
		c.fault(where, "a probe asks port %s: only ops answers probes", probe.HTTPGet.Port.String())
	}
	if probe == container.ReadinessProbe && probe.HTTPGet.Path != "/readyz" || probe == container.LivenessProbe && probe.HTTPGet.Path != "/healthz" {
		c.fault(where, "liveness is /healthz and readiness /readyz, not %s", probe.HTTPGet.Path)
	}
	paths[probe.HTTPGet.Path] = true
}

func portOf(container *core.Container, name string) int32 {
	for _, port := range container.Ports {
		if port.Name == name {
			return port.ContainerPort
		}
	}
	return 0
}

// probePaths asks a server for each path that a probe names.
func (c *checker) probePaths(ctx context.Context, probes map[string]bool) {
	paths := sortedNames(probes)
	good, err := c.server.answers(ctx, paths)
	if err != nil {
		c.fault(kubernetesDir, "%v", err)
		return
	}
	for _, path := range paths {
		if !good[path] {
			c.fault(kubernetesDir, "a probe asks for %s, which the server does not answer", path)
		}
	}
}

// rollouts wants time to drain, and a replica left at every moment.
func (c *checker) rollouts(ctx context.Context, docs []*document) {
	for _, d := range objects[*apps.Deployment](docs) {
		spec := &d.object.Spec
		if spec.Replicas == nil || *spec.Replicas < 2 {
			c.fault(d.where, "fewer than 2 replicas")
		}
		rolling := spec.Strategy.RollingUpdate
		if rolling == nil || rolling.MaxUnavailable == nil || rolling.MaxUnavailable.IntValue() != 0 || rolling.MaxUnavailable.String() != "0" {
			c.fault(d.where, "maxUnavailable must be 0")
		}
		pod := &spec.Template.Spec
		known, err := c.server.settingsOf(ctx, "serve")
		if err != nil {
			c.fault(d.where, "%v", err)
			continue
		}
		for i := range pod.Containers {
			drain, err := drainTime(variables(&pod.Containers[i]), known)
			if err != nil {
				c.fault(d.where, "%v", err)
			}
			if pod.Containers[i].Lifecycle != nil {
				c.fault(d.where, "a preStop hook comes before the drain delay, which does its work already")
			}
			if grace := pod.TerminationGracePeriodSeconds; grace == nil || time.Duration(*grace)*time.Second < drain+5*time.Second {
				c.fault(d.where, "terminationGracePeriodSeconds must be 5 s more than the %s that draining takes", drain)
			}
		}
	}
}

// drainTime is how long the server may take to end.
func drainTime(env map[string]string, known settings) (time.Duration, error) {
	var sum time.Duration
	for _, name := range []string{"KEYSTILE_DRAIN_DELAY", "KEYSTILE_DRAIN_TIMEOUT"} {
		text := env[name]
		if text == "" {
			text = known.defaults[name]
		}
		span, err := time.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum += span
	}
	return sum, nil
}

// mounts wants every mount to have its volume, and every file that a setting
// names to be in one.
func (c *checker) mounts(w workload, docs []*document) {
	files := map[string]string{}
	for _, volume := range w.template.Spec.Volumes {
		files[volume.Name] = ""
		if volume.Secret == nil {
			continue
		}
		for _, item := range volume.Secret.Items {
			files[volume.Name] = item.Path
			if !hasSecret(docs, w.namespace, volume.Secret.SecretName, item.Key) {
				c.fault(w.where, "volume %s takes %s/%s, which no example Secret holds", volume.Name, volume.Secret.SecretName, item.Key)
			}
		}
		if mode := volume.Secret.DefaultMode; mode == nil || fs.FileMode(*mode)&0o007 != 0 { //nolint:gosec // a mode of 9 bits
			c.fault(w.where, "volume %s may be read by everybody, which the server refuses", volume.Name)
		}
	}
	for i := range w.template.Spec.Containers {
		container := &w.template.Spec.Containers[i]
		mounted := map[string]bool{}
		for _, mount := range container.VolumeMounts {
			file, ok := files[mount.Name]
			if !ok {
				c.fault(w.where, "mounts %s, which is no volume", mount.Name)
			}
			mounted[path.Join(mount.MountPath, file)] = true
		}
		for name, value := range variables(container) {
			if strings.HasSuffix(name, "_FILE") && !mounted[value] && !mounted[path.Dir(value)] {
				c.fault(w.where, "%s is %s, which is not in any volume", name, value)
			}
		}
	}
}
