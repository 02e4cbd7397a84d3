package client_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

const zeroID = "cli-00000000000000000000000000000000"

const sheetOfKey = `Id:          key_0123456789abcdefghjkmnpqrs
Tenant:      acme
User:        ada
Name:        ci
State:       ACTIVE
Scopes:      orders.read, catalog.*
Networks:    203.0.113.0/24
Labels:      env=prod, team=web
Expires:     2027-01-01T00:00:00Z
Secret:      ks_...Ab3d
Created:     2026-11-01T08:00:00Z
Created by:  acme/boss
Updated:     2026-11-01T08:00:00Z
Etag:        e1
`

// Every operation arrives as the message that the flags say, over both doors.
func TestManageKeyAsksWhatTheFlagsSay(t *testing.T) {
	create := func(c *pb.CreateKey) *pb.ManageKeyRequest {
		return &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Create{Create: c}}
	}
	update := func(u *pb.UpdateKey) *pb.ManageKeyRequest {
		return &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Update{Update: u}}
	}
	rotate := func(r *pb.RotateKey) *pb.ManageKeyRequest {
		return &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Rotate{Rotate: r}}
	}
	cases := []struct {
		line string
		want *pb.ManageKeyRequest
	}{
		{"create --user ada", create(&pb.CreateKey{RequestId: zeroID, Key: &pb.Key{UserId: "ada"}})},
		{
			"create --user ada --tenant acme --name ci --scope a.b --scope c.* --cidr 192.0.2.0/24 --cidr 2001:db8::/32 --label a=1,2;3 --label b= --expires-in 30d --start-time 2026-12-01T00:00:00Z --request-id r1 --validate-only",
			create(&pb.CreateKey{RequestId: "r1", ValidateOnly: true, Key: &pb.Key{
				UserId: "ada", TenantId: "acme", DisplayName: "ci", Scopes: []string{"a.b", "c.*"},
				AllowedCidrs: []string{"192.0.2.0/24", "2001:db8::/32"}, Labels: map[string]string{"a": "1,2;3", "b": ""},
				ExpireTime: at("2026-12-24T12:00:00Z"), StartTime: at("2026-12-01T00:00:00Z"),
			}}),
		},
		{"create --user ada --expire-time 2027-01-01T00:00:00+01:00", create(&pb.CreateKey{RequestId: zeroID, Key: &pb.Key{UserId: "ada", ExpireTime: at("2026-12-31T23:00:00Z")}})},
		{"create --user ada --api orders --api acme/billing --secret-prefix ci", create(&pb.CreateKey{RequestId: zeroID, Key: &pb.Key{UserId: "ada", Apis: []string{"orders", "acme/billing"}, SecretPrefix: "ci"}})},
		{"update K --api orders --api billing", update(&pb.UpdateKey{RequestId: zeroID, Key: &pb.Key{Id: keyID, Apis: []string{"orders", "billing"}}, UpdateMask: mask("apis")})},
		{"update K --clear-apis", update(&pb.UpdateKey{RequestId: zeroID, Key: &pb.Key{Id: keyID}, UpdateMask: mask("apis")})},
		{"update K --name x --etag e1", update(&pb.UpdateKey{RequestId: zeroID, Etag: "e1", Key: &pb.Key{Id: keyID, DisplayName: "x"}, UpdateMask: mask("display_name")})},
		{"update K --name= --clear-expiry --clear-scopes --clear-cidrs --clear-labels --clear-start", update(&pb.UpdateKey{
			RequestId: zeroID, Key: &pb.Key{Id: keyID},
			UpdateMask: mask("display_name", "scopes", "allowed_cidrs", "labels", "start_time", "expire_time"),
		})},
		{"update K --scope a.b --cidr 192.0.2.1 --label a=b --expires-in 720h", update(&pb.UpdateKey{
			RequestId: zeroID, UpdateMask: mask("scopes", "allowed_cidrs", "labels", "expire_time"),
			Key: &pb.Key{Id: keyID, Scopes: []string{"a.b"}, AllowedCidrs: []string{"192.0.2.1"}, Labels: map[string]string{"a": "b"}, ExpireTime: at("2026-12-24T12:00:00Z")},
		})},
		{"rotate K", rotate(&pb.RotateKey{Id: keyID, RequestId: zeroID})},
		{"rotate K --grace 0s", rotate(&pb.RotateKey{Id: keyID, RequestId: zeroID, GracePeriod: durationpb.New(0)})},
		{"rotate K --grace 1h --etag e1", rotate(&pb.RotateKey{Id: keyID, RequestId: zeroID, Etag: "e1", GracePeriod: durationpb.New(time.Hour)})},
		{"revoke K --reason key-compromise --note seen", &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Revoke{Revoke: &pb.RevokeKey{Id: keyID, RequestId: zeroID, Reason: pb.Key_KEY_COMPROMISE, Note: "seen"}}}},
		{"revoke K --reason CESSATION_OF_OPERATION", &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Revoke{Revoke: &pb.RevokeKey{Id: keyID, RequestId: zeroID, Reason: pb.Key_CESSATION_OF_OPERATION}}}},
		{"disable K", &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Disable{Disable: &pb.DisableKey{Id: keyID, RequestId: zeroID}}}},
		{"enable K", &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Enable{Enable: &pb.EnableKey{Id: keyID, RequestId: zeroID}}}},
		{"delete K --etag e1 --validate-only", &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Delete{Delete: &pb.DeleteKey{Id: keyID, Etag: "e1", RequestId: zeroID, ValidateOnly: true}}}},
	}
	eachDoor(t, func(t *testing.T, d *door) {
		for _, c := range cases {
			d.fake.manage = &pb.ManageKeyResponse{Key: exampleKey(), Secret: newSecret}
			args := strings.Fields(c.line)
			for i := range args {
				if args[i] == "K" {
					args[i] = keyID
				}
			}
			d.run(t, append([]string{"key"}, args...)...).wantCode(t, 0)
			if got := d.fake.last(); !proto.Equal(got, c.want) {
				t.Errorf("key %s:\n got %v\nwant %v", c.line, got, c.want)
			}
		}
		for _, who := range d.fake.who {
			want(t, "authorization", who, "Bearer "+adminKey)
		}
	})
}

func TestANewSecretStandsAloneOnStdout(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		for _, args := range [][]string{{"key", "create", "--user", "ada"}, {"key", "rotate", keyID}} {
			d.fake.manage = &pb.ManageKeyResponse{Key: exampleKey(), Secret: newSecret}
			r := d.run(t, args...)
			r.wantCode(t, 0)
			want(t, "stdout", r.out, newSecret+"\n")
			wantPart(t, "stderr", r.err, sheetOfKey)
			wantPart(t, "stderr", r.err, "This secret is shown once")
			wantWithout(t, "stderr", r.err, newSecret)
		}
	})
}

func TestANewSecretInJSON(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.manage = &pb.ManageKeyResponse{Key: exampleKey(), Secret: newSecret}
		r := d.run(t, "key", "create", "--user", "ada", "-o", "json")
		r.wantCode(t, 0)
		var got struct {
			Key struct {
				ID        string `json:"id"`
				StartTime any    `json:"startTime"`
			} `json:"key"`
			Secret string  `json:"secret"`
			Note   *string `json:"note"`
		}
		if err := json.Unmarshal([]byte(r.out), &got); err != nil {
			t.Fatalf("%v in %s", err, r.out)
		}
		if got.Secret != newSecret || got.Key.ID != keyID || got.Note == nil {
			t.Errorf("got %s", r.out)
		}
		wantPart(t, "stdout", r.out, "\n  \"secret\": ")
	})
}

func TestANewSecretGoesToAFile(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		name := filepath.Join(t.TempDir(), "ci.key")
		d.fake.manage = &pb.ManageKeyResponse{Key: exampleKey(), Secret: newSecret}
		r := d.run(t, "key", "create", "--user", "ada", "--secret-file", name, "-o", "json")
		r.wantCode(t, 0)
		wantWithout(t, "stdout and stderr", r.out+r.err, newSecret)
		wantPart(t, "stdout", r.out, `"secret": ""`)
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "the file", string(text), newSecret+"\n")
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, want 0600", info.Mode())
		}

		before := len(d.fake.asked)
		r = d.run(t, "key", "create", "--user", "ada", "--secret-file", name)
		r.wantCode(t, 2)
		if len(d.fake.asked) != before {
			t.Error("a key was made although its secret has nowhere to go")
		}
	})
}

func TestAFailedCommandLeavesNoSecretFile(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		name := filepath.Join(t.TempDir(), "ci.key")
		d.fake.err = ourError(codes.PermissionDenied, "PERMISSION_DENIED")
		d.run(t, "key", "rotate", keyID, "--secret-file", name).wantCode(t, 5)
		if _, err := os.Stat(name); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	})
}

func TestAWithheldSecretIsAConflict(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.manage = &pb.ManageKeyResponse{Key: exampleKey(), Note: "withheld"}
		r := d.run(t, "key", "create", "--user", "ada", "--request-id", "r1")
		r.wantCode(t, 6)
		want(t, "stdout", r.out, sheetOfKey)
		wantPart(t, "stderr", r.err, "Note: withheld")
		wantPart(t, "stderr", r.err, "rotate the key")
	})
}

func TestValidateOnlyMakesNoFileAndIsNoConflict(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		name := filepath.Join(t.TempDir(), "ci.key")
		d.fake.manage = &pb.ManageKeyResponse{Key: exampleKey(), Note: "nothing was written"}
		r := d.run(t, "key", "create", "--user", "ada", "--validate-only", "--secret-file", name)
		r.wantCode(t, 0)
		want(t, "stdout", r.out, sheetOfKey)
		if _, err := os.Stat(name); !os.IsNotExist(err) {
			t.Errorf("%s was made: %v", name, err)
		}
	})
}

func TestKeyGet(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		r := d.run(t, "key", "get", keyID)
		r.wantCode(t, 0)
		want(t, "stdout", r.out, sheetOfKey)
		want(t, "stderr", r.err, "")
	})
}

const tableOfKeys = `ID     TENANT  USER  NAME  STATE   SECRET      EXPIRES               LAST USED             CREATED
key_0  acme    ada   ci    ACTIVE  ks_...Ab3d  2027-01-01T00:00:00Z  2026-11-20T10:00:00Z  2026-11-01T08:00:00Z
key_1  acme    ada   ci    ACTIVE  ks_...Ab3d  2027-01-01T00:00:00Z  -                     2026-11-01T08:00:00Z
`

func TestKeyList(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.total = 2500
		r := d.run(t, "key", "list", "--limit", "2", "--tenant", "acme", "--user", "ada", "--deleted", "--filter", `labels.team = "core"`)
		r.wantCode(t, 0)
		want(t, "stdout", r.out, tableOfKeys)
		want(t, "stderr", r.err, "There is more than these 2: raise --limit; 0 shows everything.\n")
		if q := (&pb.ListKeysRequest{TenantId: "acme", UserId: "ada", ShowDeleted: true, PageSize: 2, Filter: `labels.team = "core"`}); !proto.Equal(q, d.fake.last()) {
			t.Errorf("asked %v, want %v", d.fake.last(), q)
		}
		for _, c := range []struct {
			limit string
			lines int
		}{{"0", 2501}, {"1500", 1501}, {"2500", 2501}} {
			r = d.run(t, "key", "list", "--limit", c.limit)
			if n := strings.Count(r.out, "\n"); n != c.lines {
				t.Errorf("--limit %s gives %d lines, want %d", c.limit, n, c.lines)
			}
			if more := strings.Contains(r.err, "There is more"); more != (c.limit == "1500") {
				t.Errorf("--limit %s says %q", c.limit, r.err)
			}
		}
		d.run(t, "key", "list", "--limit=-1").wantCode(t, 2)
	})
}

func TestAKeyFileIsReadAndJudged(t *testing.T) {
	d := overGRPC(t)
	name := filepath.Join(t.TempDir(), "admin.key")
	write := func(text string, mode fs.FileMode) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	const other = "ks_otherkey0000000000000000000000000000000"
	write("\n"+other+"\r\n", 0o600)
	r := d.run(t, "key", "get", keyID, "--key-file", name)
	r.wantCode(t, 0)
	want(t, "stderr", r.err, "")
	want(t, "authorization", d.fake.who[len(d.fake.who)-1], "Bearer "+other)

	write(other, 0o644)
	wantPart(t, "stderr", d.run(t, "key", "get", keyID, "--key-file", name).err, "warning: "+name+" is readable by others (mode 0644)")

	for _, text := range []string{"", "two words-two-words", strings.Repeat("x", 600), "caf\xc3\xa9-caf\xc3\xa9-caf\xc3\xa9-caf\xc3\xa9"} {
		write(text, 0o600)
		r = d.run(t, "key", "get", keyID, "--key-file", name)
		r.wantCode(t, 2)
		if text != "" {
			wantWithout(t, "stderr", r.err, text)
		}
	}
	d.run(t, "key", "get", keyID, "--key-file", name+".none").wantCode(t, 2)
	d.run(t, "key", "get", keyID, "--key-file", name, "--key", other).wantCode(t, 2)

	write(other, 0o600)
	d.env = map[string]string{"KEYSTILE_KEY_FILE": name}
	d.run(t, "key", "get", keyID).wantCode(t, 0)
	want(t, "authorization", d.fake.who[len(d.fake.who)-1], "Bearer "+other)
	d.env["KEYSTILE_KEY"] = adminKey
	d.run(t, "key", "get", keyID).wantCode(t, 2)
	d.run(t, "key", "get", keyID, "--key", other).wantCode(t, 0)
}
