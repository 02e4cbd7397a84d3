package client_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

const sheetOfTenant = `Id:       acme
Name:     Acme
State:    ACTIVE
Secrets:  ks_...
Created:  2026-11-01T08:00:00Z
Etag:     e2
`

const sheetOfUser = `Id:       ada
Tenant:   acme
Kind:     PERSON
State:    ACTIVE
Roles:    developer
Created:  2026-11-01T08:00:00Z
Etag:     e3
`

func TestTenantsAndUsers(t *testing.T) {
	cases := []struct {
		line string
		asks proto.Message
		says string
	}{
		{"tenant create acme --name Acme --secret-prefix ac --request-id r1", &pb.CreateTenantRequest{Tenant: &pb.Tenant{Id: "acme", DisplayName: "Acme", SecretPrefix: "ac"}, RequestId: "r1"}, sheetOfTenant},
		{"tenant get acme", &pb.GetTenantRequest{Id: "acme"}, sheetOfTenant},
		{
			"user create ada --tenant acme --role developer --role guest --kind service-account --validate-only",
			&pb.CreateUserRequest{User: &pb.User{Id: "ada", TenantId: "acme", Roles: []string{"developer", "guest"}, Kind: pb.User_SERVICE_ACCOUNT}, RequestId: zeroID, ValidateOnly: true},
			sheetOfUser,
		},
		{"user create ada", &pb.CreateUserRequest{User: &pb.User{Id: "ada", Kind: pb.User_PERSON}, RequestId: zeroID}, sheetOfUser},
		{"user get Ada.L_-@x --tenant acme", &pb.GetUserRequest{Id: "Ada.L_-@x", TenantId: "acme"}, sheetOfUser},
	}
	eachDoor(t, func(t *testing.T, d *door) {
		for _, c := range cases {
			r := d.run(t, strings.Fields(c.line)...)
			r.wantCode(t, 0)
			want(t, c.line, r.out, c.says)
			if !proto.Equal(c.asks, d.fake.last()) {
				t.Errorf("%s: asked %v, want %v", c.line, d.fake.last(), c.asks)
			}
		}
		r := d.run(t, "tenant", "get", "acme", "-o", "json")
		r.wantCode(t, 0)
		wantPart(t, "stdout", r.out, "{\n  \"tenant\": {\n    \"id\": \"acme\"")
	})
}
