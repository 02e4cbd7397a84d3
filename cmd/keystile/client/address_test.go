package client

import (
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	const (
		grpcClear = "grpc, clear"
		grpcTLS   = "grpc, tls"
		restClear = "rest, clear"
		restTLS   = "rest, tls"
		no        = "refused"
	)
	plain, ca, cert := trust{plaintext: true}, trust{caFile: "ca.pem"}, trust{certFile: "me.pem"}
	for _, c := range []struct {
		text   string
		trust  trust
		want   string
		target string
	}{
		{"127.0.0.1:9090", trust{}, grpcClear, "127.0.0.1:9090"},
		{"localhost:9090", trust{}, grpcClear, "localhost:9090"},
		{"[::1]:9090", trust{}, grpcClear, "[::1]:9090"},
		{"[::ffff:127.0.0.1]:9090", trust{}, grpcClear, "[::ffff:127.0.0.1]:9090"},
		{"127.0.0.1:9090", ca, grpcTLS, "127.0.0.1:9090"},
		{"keys.example:9090", trust{}, grpcTLS, "keys.example:9090"},
		{"localhost.example:9090", trust{}, grpcTLS, "localhost.example:9090"},
		{"0.0.0.0:9090", trust{}, grpcTLS, "0.0.0.0:9090"},
		{"keys.example:9090", plain, grpcClear, "keys.example:9090"},
		{"grpc://keys.example:9090", trust{}, grpcTLS, "keys.example:9090"},
		{"grpc://127.0.0.1:9090", trust{}, grpcClear, "127.0.0.1:9090"},
		{"grpcs://127.0.0.1:9090", trust{}, grpcTLS, "127.0.0.1:9090"},
		{"grpcs://127.0.0.1:9090", plain, no, ""},
		{"127.0.0.1:9090", trust{plaintext: true, caFile: "ca.pem"}, no, ""},
		{"127.0.0.1:9090", cert, grpcTLS, "127.0.0.1:9090"},
		{"127.0.0.1:9090", trust{plaintext: true, certFile: "me.pem"}, no, ""},
		{"http://127.0.0.1:8080", cert, no, ""},
		{"https://keys.example", cert, restTLS, "https://keys.example"},
		{"keys.example", trust{}, no, ""},
		{":9090", trust{}, no, ""},
		{"keys.example:", trust{}, no, ""},
		{"", trust{}, no, ""},
		{"http://127.0.0.1:8080", trust{}, restClear, "http://127.0.0.1:8080"},
		{"http://localhost:8080/", trust{}, restClear, "http://localhost:8080"},
		{"http://[::1]:8080", trust{}, restClear, "http://[::1]:8080"},
		{"http://keys.example:8080", trust{}, no, ""},
		{"http://keys.example:8080", plain, restClear, "http://keys.example:8080"},
		{"http://127.0.0.1@keys.example:8080", trust{}, no, ""},
		{"https://keys.example/keystile/", trust{}, restTLS, "https://keys.example/keystile"},
		{"https://keys.example", ca, restTLS, "https://keys.example"},
		{"https://keys.example", plain, no, ""},
		{"http://127.0.0.1:8080", ca, no, ""},
		{"https://keys.example?x=1", trust{}, no, ""},
		{"https://", trust{}, no, ""},
		{"unix:///run/keystile.sock", trust{}, no, ""},
	} {
		a, err := parseAddress(c.text, c.trust)
		got := map[[2]bool]string{{false, false}: grpcClear, {false, true}: grpcTLS, {true, false}: restClear, {true, true}: restTLS}[[2]bool{a.rest, a.tls}]
		if err != nil {
			got = no
		}
		if got != c.want || a.target != c.target {
			t.Errorf("parseAddress(%q, %+v) = %s %q, want %s %q (%v)", c.text, c.trust, got, a.target, c.want, c.target, err)
		}
	}
}

// A password in an address is not repeated.
func TestARefusedAddressKeepsItsPassword(t *testing.T) {
	for _, text := range []string{"https://user:hunter2@keys.example", "https://user:hunter2@keys example:x"} {
		_, err := parseAddress(text, trust{})
		if err == nil {
			t.Fatalf("%q is accepted", text)
		}
		if got := err.Error(); got == "" || strings.Contains(got, "hunter2") {
			t.Errorf("%q", got)
		}
	}
}
