package client

import (
	"os"
	"regexp"
	"strings"
	"testing"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// The table is http.yaml: every RPC that it knows, by its first binding.
func TestEveryRPCHasItsRESTRoute(t *testing.T) {
	text, err := os.ReadFile("../../../api/keystile/v1/http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`selector: (\S+)\.(\w+)\n\s+(get|post|patch|delete): (\S+)`).FindAllStringSubmatch(string(text), -1)
	for _, rule := range rules {
		method := "/" + rule[1] + "/" + rule[2]
		got, ok := routeOf(method)
		if want := (restRoute{method, strings.ToUpper(rule[3]), rule[4]}); !ok || got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	services := []int{len(pb.KeyService_ServiceDesc.Methods), len(pb.DirectoryService_ServiceDesc.Methods), len(pb.AuditService_ServiceDesc.Methods)}
	if n := services[0] + services[1] + services[2]; n != len(rules) || n != len(restRoutes()) {
		t.Errorf("%d methods, %d rules, %d routes", n, len(rules), len(restRoutes()))
	}
}
