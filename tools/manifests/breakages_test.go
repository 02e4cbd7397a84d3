package main

// breakage is one way to spoil what is shipped, and what has to be said of it.
type breakage struct {
	file, replace, with, want string
}

func breakages() []breakage {
	const (
		deployment = "kubernetes/deployment.yaml"
		job        = "kubernetes/migrate-job.yaml"
		services   = "kubernetes/services.yaml"
		policies   = "kubernetes/networkpolicy.yaml"
		budget     = "kubernetes/poddisruptionbudget.yaml"
		secret     = "kubernetes/examples/secret.yaml"
		eg         = "kubernetes/examples/envoy-gateway.yaml"
		mesh       = "kubernetes/examples/istio-meshconfig.yaml"
		istio      = "kubernetes/examples/istio.yaml"
		compose    = "compose.yaml"
		envoy      = "compose/envoy.yaml"
	)
	return []breakage{
		// Decoding.
		{deployment, "  replicas: 2", "  replicsa: 2", `unknown field "spec.replicsa"`},
		{deployment, "  replicas: 2", "  replicas: two", "replicas"},
		{deployment, "  replicas: 2", "  replicas: 2\n  replicas: 3", "already set"},
		{deployment, "kind: Deployment", "kind: Deploiement", "no kind that is known"},
		{deployment, "apiVersion: apps/v1", "apiVersion: apps/v2", "no kind that is known"},
		{deployment, "        - maxSkew: 1\n          topologyKey: kubernetes.io/hostname", "        - maxSkew: 1", "topologyKey is required"},
		{deployment, "        - name: keystile\n", "        - nam: keystile\n", "unknown field"},
		{services, "    - name: grpc\n      port: 9090", "    - name: grpc", "port is required"},
		{eg, "    - group: gateway.networking.k8s.io\n      kind: HTTPRoute", "    - kind: HTTPRoute", "group is required"},
		{eg, "    statusOnError: 503", "    statusOnError: 700", "against the custom resource's schema"},
		{eg, "escapedSlashesAction: KeepUnchanged", "escapedSlashesAction: Keep", "against the custom resource's schema"},
		{eg, "    failOpen: false", "    failopen: false", "unknown field"},
		{istio, "  action: CUSTOM", "  acton: CUSTOM", "unknown field"},
		{istio, "  action: CUSTOM", "  action: CUSTOMARY", "action"},
		{istio, "    - {}", "    - when: [{values: [x]}]", "against the custom resource's schema"},
		{mesh, "failOpen", "failOpenly", "unknown field"},
		{mesh, "timeout: 0.2s", "timeout: 200ms", "Duration"},

		// Pods.
		{deployment, "      enableServiceLinks: false", "", "enableServiceLinks"},
		{job, "      enableServiceLinks: false", "", "enableServiceLinks"},
		{deployment, "      automountServiceAccountToken: false", "", "automountServiceAccountToken"},
		{deployment, "        runAsNonRoot: true", "", "runAsNonRoot"},
		{deployment, "            readOnlyRootFilesystem: true", "", "readOnlyRootFilesystem"},
		{deployment, "            allowPrivilegeEscalation: false", "", "allowPrivilegeEscalation"},
		{deployment, "              drop: [ALL]", "              drop: [NET_RAW]", "drop ALL"},
		{deployment, "          type: RuntimeDefault", "          type: Unconfined", "seccompProfile"},
		{deployment, "            limits:\n              memory: 512Mi", "", "limit memory"},
		{deployment, "keystile:0.1.0", "keystile:latest", "not pinned"},
		{deployment, "keystile:0.1.0", "keystile", "not pinned"},
		{deployment, "keystile:0.1.0", "keystile:0.2.0", "different images"},
		{deployment, "args: [serve]", "args: [server]", "no such command"},
		{deployment, "args: [serve]", "args: [serve, --databse-url=x]", "has no flag --databse-url"},
		{deployment, "name: KEYSTILE_DRAIN_DELAY", "name: KEYSTILE_DRAIN_DELEY", "knows no setting KEYSTILE_DRAIN_DELEY"},
		{job, "name: KEYSTILE_DATABASE_URL", "name: KEYSTILE_CHECK_AUTH", "knows no setting KEYSTILE_CHECK_AUTH"},
		{deployment, "            - name: KEYSTILE_CHECK_AUTH\n              value: none", "", "KEYSTILE_CHECK_AUTH must be chosen"},
		{deployment, "value: none", "value: nobody", "the server should refuse for its"},
		{deployment, `value: ":9091"`, `value: ":9099"`, "port ops is 9091"},
		{deployment, "              path: /healthz", "              path: /health", "which the server does not answer"},
		{deployment, "              path: /readyz\n              port: ops", "              path: /readyz\n              port: http", "only ops answers probes"},
		{deployment, "            httpGet:\n              path: /readyz\n              port: ops\n", "            tcpSocket:\n              port: ops\n", "probes over HTTP"},
		{deployment, "              path: /readyz", "              path: /healthz", "readiness /readyz"},
		{deployment, "  replicas: 2", "  replicas: 1", "fewer than 2 replicas"},
		{deployment, "maxUnavailable: 0", "maxUnavailable: 25%", "maxUnavailable must be 0"},
		{deployment, "terminationGracePeriodSeconds: 40", "terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds"},
		{deployment, "              value: 20s", "              value: twenty", "KEYSTILE_DRAIN_TIMEOUT"},
		{deployment, "            - name: state\n              mountPath", "            - name: stat\n              mountPath", "is no volume"},
		{deployment, "mountPath: /etc/keystile", "mountPath: /etc/peppers", "not in any volume"},
		{deployment, "defaultMode: 0440", "defaultMode: 0444", "read by everybody"},
		{deployment, "              - key: peppers", "              - key: pepper", "no example Secret holds"},
		{deployment, "                  key: database-url", "                  key: url", "no example Secret holds"},
		{job, "              valueFrom:\n                secretKeyRef:\n                  name: keystile\n                  key: database-url", "              value: postgres://keystile:keystile@db/keystile", "must come from a Secret"},
		{secret, "database-url: replace-me", "database-url: postgres://keystile:keystile@127.0.0.1:1/keystile", "must not work"},
		{secret, "database-url: replace-me", `database-url: ""`, "must not work"},
		{secret, `peppers: "# replace me"`, `peppers: "1 MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="`, "should refuse for its pepper"},

		// Who means whom.
		{deployment, "  namespace: keystile", "  namespace: default", `is in the namespace "default"`},
		{deployment, "  namespace: keystile", "", "needs a name, and a namespace"},
		{services, "  name: keystile-headless", "  name: keystile", "written down twice"},
		{services, "    app.kubernetes.io/component: server\n  ports:", "    app.kubernetes.io/component: serve\n  ports:", "means no pod"},
		{services, "targetPort: grpc", "targetPort: grpcs", "port grpcs is none"},
		{services, "appProtocol: kubernetes.io/h2c", "appProtocol: http", "appProtocol"},
		{budget, "component: server", "component: sever", "means no pod"},
		{budget, "maxUnavailable: 1", "minAvailable: 2", "no node can be drained"},
		{policies, "          port: ops", "          port: metrics", "port metrics is none"},
		{policies, "        - namespaceSelector:\n            matchLabels:\n              keystile-doors: open", "        - namespaceSelector: {}", "a peer is everybody"},
		{policies, "    - from:\n        - namespaceSelector:\n            matchLabels:\n              keystile-doors: open\n      ports:", "    - ports:", "lets everybody in"},
		{policies, "    - to:\n        - namespaceSelector:\n            matchLabels:\n              kubernetes.io/metadata.name: postgres\n      ports:", "    - ports:", "lets out to everybody"},
		{policies, "app.kubernetes.io/component: server\n  policyTypes", "app.kubernetes.io/component: sever\n  policyTypes", "means no pod"},

		// Gateways.
		{eg, "    failOpen: false", "    failOpen: true", "failOpen must be said, and be false"},
		{eg, "    failOpen: false", "", "failOpen must be said, and be false"},
		{eg, "    timeout: 200ms", "", "timeout must be said"},
		{eg, "    statusOnError: 503", "", "statusOnError must be 503"},
		{eg, "          port: 9090", "          port: 9091", "has no port 9091"},
		{eg, "          port: 9090", "          port: 8080", "is http, not grpc"},
		{eg, "        - name: keystile\n          namespace", "        - name: keystone\n          namespace", "keystile/keystone has no port"},
		{eg, "      kind: SecurityPolicy\n      namespace: shop", "      kind: SecurityPolicy\n      namespace: ship", "no ReferenceGrant"},
		{eg, "    timeout: 200ms", "    timeout: 200ms\n    headersToExtAuth: [authorization]", "headersToExtAuth must list x-api-key"},
		{eg, "    grpc:\n", "    http:\n      path: /ext-authz\n", "headersToBackend must list x-keystile-tenant"},
		{istio, "    name: keystile-grpc", "    name: keystile", "no provider is called"},
		{istio, "  action: CUSTOM", "  action: ALLOW", "CUSTOM"},
		{istio, "  rules:\n", "  other:\n", "unknown field"},
		{istio, "    - {}", "    []", "lets all through"},
		{mesh, "failOpen: false", "failOpen: true", "failOpen must be false"},
		{mesh, `statusOnError: "503"`, `statusOnError: "200"`, "statusOnError must be 503"},
		{mesh, "timeout: 0.2s", "timeout: 600s", "timeout must be said"},
		{mesh, "service: keystile.keystile.svc", "service: keystile.default.svc", "default/keystile has no port"},
		{mesh, "port: 8080", "port: 9090", "is grpc, not http"},
		{mesh, "pathPrefix: /ext-authz", "pathPrefix: /check", "pathPrefix"},
		{mesh, "          - x-api-key\n", "", "includeRequestHeadersInCheck must list x-api-key"},
		{mesh, "          - x-keystile-roles\n", "", "headersToUpstreamOnAllow must list x-keystile-roles"},
		{mesh, "          - retry-after\n", "", "headersToDownstreamOnDeny must list retry-after"},

		// Compose.
		{compose, "    restart: unless-stopped", "    restrat: unless-stopped", "restrat"},
		{compose, "condition: service_healthy", "condition: service_happy", "condition"},
		{compose, "networks: [store, checks]", "networks: [store, cheques]", "cheques"},
		{compose, "      migrate:\n        condition", "      migrator:\n        condition", "migrator"},
		{compose, "${POSTGRES_PASSWORD:?set it in deploy/.env, as deploy/README.md says}\n\nservices", "keystile\n\nservices", "not the password that was given"},
		{compose, "postgres://keystile@", "postgres://keystile:keystile@", "no password"},
		{compose, "127.0.0.1:10000:10000", "10000:10000", "only loopback"},
		{compose, "127.0.0.1:10000:10000", "0.0.0.0:10000:10000", "only loopback"},
		{compose, "  read_only: true", "  read_only: false", "read_only must be true"},
		{compose, "no-new-privileges:true", "no-new-privileges:false", "no-new-privileges"},
		{compose, "  cap_drop: [ALL]", "  cap_drop: [NET_RAW]", "cap_drop must be ALL"},
		{compose, `user: "101:101"`, `user: "0:101"`, "not 0"},
		{compose, `user: "101:101"`, "privileged: true", "not be privileged"},
		{compose, "postgres:18.6", "postgres:latest", "not pinned"},
		{compose, "context: ..", "context: .", "builds from a file that is not there"},
		{compose, "command: [serve]", "command: [server]", "no such command"},
		{compose, "command: [migrate]", "command: [migrate, --forcibly]", "has no flag --forcibly"},
		{compose, "KEYSTILE_OPS_LISTEN:", "KEYSTILE_OPS_LISTENER:", "knows no setting"},
		{compose, "      KEYSTILE_CHECK_AUTH: key", "", "KEYSTILE_CHECK_AUTH must be chosen"},
		{compose, "KEYSTILE_CHECK_AUTH: key", "KEYSTILE_CHECK_AUTH: keys", "does not take these settings"},
		{compose, "stop_grace_period: 30s", "stop_grace_period: 20s", "stop_grace_period"},
		{compose, "[CMD, /keystile, health]", "[CMD, /bin/true]", "health check"},
		{compose, "    restart: \"no\"", "    restart: always", "which restarts"},
		{compose, "      keystile:\n        condition: service_healthy", "      keystile:\n        condition: service_started", "does not wait"},
		{compose, "file: ./compose/envoy.yaml", "file: ./compose/envoi.yaml", "not there"},
		{compose, "  checks:\n    internal: true", "  checks:", "reaches the outside"},
		{compose, "    networks: [edge, checks, upstream]", "    networks: [edge, checks, upstream, store]", "neighbours"},
		{compose, "    networks: [upstream]", "    networks: [upstream, checks]", "neighbours"},

		// Envoy behind compose.
		{envoy, "failure_mode_allow: false", "failure_mode_allow: true", "failure_mode_allow must be false"},
		{envoy, "failure_mode_allow: false", "failure_mode_alow: false", "unknown field"},
		{envoy, "status_on_error: { code: ServiceUnavailable }", "", "status_on_error"},
		{envoy, "status_on_error: { code: ServiceUnavailable }", "status_on_error: { code: Empty }", "against Envoy's rules"},
		{envoy, "timeout: 0.2s", "timeout: 5s", "timeout must be said"},
		{envoy, "cluster_name: keystile }", "cluster_name: keystone }", `asks the cluster "keystone"`},
		{envoy, "address: keystile, port_value: 9090", "address: keystile, port_value: 8080", "keystile:9090"},
		{envoy, "address: keystile, port_value: 9090", "address: keystone, port_value: 9090", "no service on a network of envoy"},
		{envoy, "address: echo", "address: postgres", "no service on a network of envoy"},
		{envoy, "%ENVIRONMENT(KEYSTILE_CALLER_KEY)%", "%ENVIRONMENT(CALLER_KEY)%", "does not give to envoy"},
		{envoy, "Bearer %ENVIRONMENT(KEYSTILE_CALLER_KEY)%", "Bearer ks_secret", "must come from its environment"},
		{envoy, "port_value: 10000", "port_value: 10001", "which is not published"},
		{envoy, "static_resources:\n", "admin: {}\nstatic_resources:\n", "admin interface"},
		{envoy, "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz", "envoy.extensions.filters.http.router.v3.Router", "unknown field"},
		{envoy, "connect_timeout: 1s", "connect_timeout: 0s", "against Envoy's rules"},
	}
}
