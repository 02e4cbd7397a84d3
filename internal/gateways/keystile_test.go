//go:build gateways

package gateways

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the built keystile.
var binary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "keystile-gateways")
	if err == nil {
		binary = filepath.Join(folder, "keystile")
		var out []byte
		if out, err = exec.CommandContext(context.Background(), "go", "build", "-pgo=off", "-o", binary, "github.com/keystile/keystile/cmd/keystile").CombinedOutput(); err != nil {
			err = fmt.Errorf("building the binary: %w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// printed collects what a process prints.
type printed struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

// keystile is a running server with a tenant, an API and keys in every state.
type keystile struct {
	t              *testing.T
	log            printed
	grpc, web, ops string
	process        *os.Process
	root           string
	// keys are secrets by what is the matter with them; id is that of "good".
	keys map[string]string
	id   string
}

func startKeystile(t *testing.T, args ...string) *keystile {
	t.Helper()
	k := &keystile{t: t, keys: map[string]string{}}
	folder := t.TempDir()
	secret := filepath.Join(folder, "admin.key")
	// Clients in these tests come from 127.0.0.2, which is nobody's proxy.
	cmd := exec.CommandContext(t.Context(), binary, append([]string{
		"serve", "--data-dir", filepath.Join(folder, "data"), "--bootstrap-key-file", secret,
		"--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--trusted-proxies", "127.0.0.1",
	}, args...)...)
	cmd.Stderr = &k.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	k.process = cmd.Process
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, 30*time.Second, "keystile is ready", func() bool { return k.listens() && k.ready() })
	raw, err := os.ReadFile(secret)
	if err != nil {
		t.Fatal(err)
	}
	k.root = strings.TrimSpace(string(raw))
	k.furnish()
	return k
}

func (k *keystile) listens() bool {
	for line := range strings.SplitSeq(k.log.String(), "\n") {
		var entry struct{ Msg, GRPC, HTTP, Ops string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening" {
			k.grpc, k.web, k.ops = entry.GRPC, entry.HTTP, entry.Ops
			return true
		}
	}
	return false
}

func (k *keystile) ready() bool {
	resp, err := http.Get("http://" + k.ops + "/readyz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// stop halts the process where it is, with its connections open. A signal is sent
// before it has come, so this waits for all of its threads.
func (k *keystile) stop() {
	k.t.Helper()
	if err := k.process.Signal(syscall.SIGSTOP); err != nil {
		k.t.Fatal(err)
	}
	eventually(k.t, 10*time.Second, "keystile has stopped", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", k.process.Pid))
		for _, thread := range threads {
			stat, err := os.ReadFile(thread)
			if err == nil && !bytes.Contains(stat, []byte(") T ")) {
				return false
			}
		}
		return err == nil && len(threads) > 0
	})
}

// resume lets it go on.
func (k *keystile) resume() {
	k.t.Helper()
	if err := k.process.Signal(syscall.SIGCONT); err != nil {
		k.t.Fatal(err)
	}
}

type object map[string]any

// call makes a management call, which must succeed.
func (k *keystile) call(method, path string, body object) object {
	k.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		k.t.Fatal(err)
	}
	if method == http.MethodGet {
		raw = nil
	}
	req, err := http.NewRequestWithContext(k.t.Context(), method, "http://"+k.web+path, bytes.NewReader(raw))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+k.root)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out object
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != http.StatusOK {
		k.t.Fatalf("%s %s: %d %v %v", method, path, resp.StatusCode, out, err)
	}
	return out
}

// issue makes a key, and remembers its secret by name.
func (k *keystile) issue(name string, key object) (id string) {
	k.t.Helper()
	key["displayName"] = name
	if key["userId"] == nil {
		key["userId"] = "ada"
	}
	if key["tenantId"] == nil {
		key["tenantId"] = "acme"
	}
	out := k.call("POST", "/v1/keys", object{"key": key})
	k.keys[name], _ = out["secret"].(string)
	made, _ := out["key"].(map[string]any)
	id, _ = made["id"].(string)
	return id
}

func (k *keystile) furnish() {
	k.t.Helper()
	k.call("POST", "/v1/tenants", object{"tenant": object{"id": "acme"}})
	k.call("PATCH", "/v1/tenants/acme", object{"tenant": object{"hosts": []string{"api.acme.test"}}, "updateMask": "hosts"})
	for user, role := range map[string]string{"ada": "developer", "sue": "developer"} {
		k.call("POST", "/v1/users", object{"user": object{"id": user, "tenantId": "acme", "kind": "PERSON", "roles": []string{role}}})
	}
	route := func(path, permission string) object {
		return object{"hosts": []string{"api.acme.test"}, "methods": []string{"*"}, "path": path, "permission": permission}
	}
	k.call("POST", "/v1/apis", object{"api": object{"id": "orders", "tenantId": "acme", "routes": []object{route("/orders/**", "orders.read"), route("/admin/**", "orders.admin")}}})
	k.call("POST", "/v1/apis", object{"api": object{"id": "open", "tenantId": "acme", "allowPreflight": true, "routes": []object{route("/open/**", "")}}})
	k.call("POST", "/v1/apis", object{"api": object{"id": "paid", "tenantId": "acme", "subscriptionRequired": true, "routes": []object{route("/paid/**", "")}}})

	k.call("POST", "/v1/roles", object{"role": object{"id": "asks", "tenantId": "system", "permissions": []string{"keystile.keys.check", "keystile.tenants.reach"}}})
	k.call("POST", "/v1/users", object{"user": object{"id": "proxy", "tenantId": "system", "kind": "SERVICE_ACCOUNT", "roles": []string{"asks"}}})
	k.issue("caller", object{"tenantId": "system", "userId": "proxy"})

	k.id = k.issue("good", object{})
	k.issue("reader", object{"scopes": []string{"orders.read"}})
	k.issue("suspended", object{"userId": "sue"})
	k.call("POST", "/v1/users/sue:suspend", object{"tenantId": "acme"})
	k.call("POST", "/v1/keys/"+k.issue("revoked", object{})+":revoke", object{})
	k.call("POST", "/v1/keys/"+k.issue("disabled", object{})+":disable", object{})
	k.call("POST", "/v1/keys/"+k.issue("superseded", object{})+":rotate", object{"gracePeriod": "0s"})
	k.issue("expired", object{"expireTime": time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)})
	k.issue("here", object{"allowedCidrs": []string{clientAddress + "/32"}})
	k.issue("elsewhere", object{"allowedCidrs": []string{"203.0.113.0/24"}})
	time.Sleep(time.Second)
	k.keys["unknown"], k.keys["malformed"], k.keys["missing"] = "sk-unknown-0123456789abcdef", "too-short", ""
}

// eventually waits until something holds.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}
