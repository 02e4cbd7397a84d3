package client_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

func digest(n int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(n)))
	return hex.EncodeToString(sum[:])
}

// kept writes a file of keys.
func kept(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// many is a CSV file of n keys; line i+2 is key i.
func many(n int) string {
	var b strings.Builder
	b.WriteString("user,digest\n")
	for i := range n {
		fmt.Fprintf(&b, "ada,%s\n", digest(i))
	}
	return b.String()
}

// importsAsked are the imports that the server was asked for.
func (f *fake) importsAsked() []*pb.ImportKeysRequest {
	var out []*pb.ImportKeysRequest
	for _, m := range f.asked {
		if in, ok := m.(*pb.ImportKeysRequest); ok {
			out = append(out, in)
		}
	}
	return out
}

// Both formats say the same, and say it over both doors.
func TestImportReadsCSVAndJSONLines(t *testing.T) {
	whole := &pb.ImportedKey{
		Digest: digest(0), UserId: "ada", DisplayName: `the "old" one, really`, Scopes: []string{"a.b", "c.*"}, AllowedCidrs: []string{"192.0.2.0/24", "2001:db8::/32"},
		Labels: map[string]string{"team": "core", "env": "a=b"}, ExpireTime: at("2027-01-01T00:00:00Z"), Apis: []string{"orders", "acme/billing"},
	}
	whole.RateLimits, whole.Quotas = someLimits()
	short := &pb.ImportedKey{Secret: goodSecret, UserId: "bo"}
	csv := "\ufeffuser, digest,name,scopes,cidrs,labels,expireTime,apis,secret,rateLimits,quotas\r\n" +
		"ada," + digest(0) + `,"the ""old"" one, really",a.b;c.*,192.0.2.0/24; 2001:db8::/32 ,team=core;env=a=b,2027-01-01T01:00:00+01:00,orders;acme/billing,,"m=10/60s,burst=20,exact; d=5/1d","q=100/DAY,zone=Europe/Berlin,refill=ADD;all=9/TOTAL"` + "\r\n" +
		"bo,,,,,,,," + goodSecret + ",,\r\n"
	asLists := `{"user":"ada","digest":"` + digest(0) + `","name":"the \"old\" one, really","scopes":["a.b","c.*"],"cidrs":["192.0.2.0/24","2001:db8::/32"],` +
		`"labels":{"team":"core","env":"a=b"},"expireTime":"2027-01-01T00:00:00Z","apis":["orders","acme/billing"],"secret":null,` +
		`"rateLimits":["m=10/60s,burst=20,exact","d=5/1d"],"quotas":["q=100/DAY,zone=Europe/Berlin,refill=ADD","all=9/TOTAL"]}` + "\n\n" +
		`{"user":"bo","secret":"` + goodSecret + `"}`
	asTexts := `{"user":"ada","digest":"` + digest(0) + `","name":"the \"old\" one, really","scopes":"a.b;c.*","cidrs":"192.0.2.0/24;2001:db8::/32",` +
		`"labels":"team=core;env=a=b","expireTime":"2027-01-01T00:00:00Z","apis":"orders;acme/billing",` +
		`"rateLimits":"m=10/60s,burst=20,exact;d=5/1d","quotas":"q=100/DAY,zone=Europe/Berlin,refill=ADD;all=9/TOTAL"}` + "\n" +
		`{"user":"bo","secret":"` + goodSecret + `"}` + "\n"
	eachDoor(t, func(t *testing.T, d *door) {
		var id string
		for _, c := range [][]string{
			{kept(t, "keys.csv", csv)}, {kept(t, "keys.jsonl", asLists)}, {kept(t, "KEYS.NDJSON", asTexts)}, {kept(t, "keys.txt", csv), "--format", "csv"},
			{kept(t, "keys.csv", asTexts), "--format", "jsonl"},
		} {
			r := d.run(t, append([]string{"key", "import", "--tenant", "acme"}, c...)...)
			r.wantCode(t, 0)
			want(t, "stdout", r.out, "Imported:  2\nCalls:     1\n")
			want(t, "stderr", r.err, "2 of 2 keys\n")
			got := d.fake.last().(*pb.ImportKeysRequest)
			if id == "" {
				id = got.GetRequestId()
			}
			asked(t, d, &pb.ImportKeysRequest{TenantId: "acme", Keys: []*pb.ImportedKey{whole, short}, RequestId: id})
		}
		if len(id) < 32 || strings.Contains(id, goodSecret) {
			t.Errorf("request id %q", id)
		}
		r := d.run(t, "key", "import", kept(t, "keys.csv", csv), "--dry-run", "-o", "json")
		r.wantCode(t, 0)
		wantPart(t, "stdout", r.out, `"key_1"`)
		asked(t, d, &pb.ImportKeysRequest{Keys: []*pb.ImportedKey{whole, short}, ValidateOnly: true})
	})
}

// A large file goes in calls that can be made again: the same lines have the same
// request id, whatever comes after them.
func TestImportGoesInChunks(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		name := kept(t, "keys.csv", many(25_000))
		r := d.run(t, "key", "import", name)
		r.wantCode(t, 0)
		want(t, "stdout", r.out, "Imported:  25000\nCalls:     3\n")
		want(t, "stderr", r.err, "10000 of 25000 keys\n20000 of 25000 keys\n25000 of 25000 keys\n")
		first := d.fake.importsAsked()
		for i, size := range []int{10_000, 10_000, 5_000} {
			if n := len(first[i].GetKeys()); n != size {
				t.Errorf("call %d has %d keys, want %d", i, n, size)
			}
		}
		if got := first[2].GetKeys()[4999].GetDigest(); got != digest(24_999) {
			t.Errorf("the last digest is %s", got)
		}
		// Again, with one line more.
		d.run(t, "key", "import", kept(t, "more.csv", many(25_001))).wantCode(t, 0)
		second := d.fake.importsAsked()[3:]
		for i, same := range []bool{true, true, false} {
			if (first[i].GetRequestId() == second[i].GetRequestId()) != same {
				t.Errorf("call %d: ids %s and %s", i, first[i].GetRequestId(), second[i].GetRequestId())
			}
		}
		// For another tenant it is another import.
		d.run(t, "key", "import", name, "--tenant", "beta").wantCode(t, 0)
		if d.fake.importsAsked()[6].GetRequestId() == first[0].GetRequestId() {
			t.Error("two tenants' imports have one request id")
		}
	})
}

func TestImportOfALargeFile(t *testing.T) {
	d := overGRPC(t)
	r := d.run(t, "key", "import", kept(t, "keys.csv", many(100_000)))
	r.wantCode(t, 0)
	want(t, "stdout", r.out, "Imported:  100000\nCalls:     10\n")
}

// Long keys go in smaller calls, which servers take.
func TestImportOfLongKeys(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		var b strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&b, `{"user":"ada","digest":"%s","name":"%s"}`+"\n", digest(i), strings.Repeat(`\"`, 2000))
		}
		d.run(t, "key", "import", kept(t, "keys.jsonl", b.String())).wantCode(t, 0)
		keys := 0
		for _, in := range d.fake.importsAsked() {
			keys += len(in.GetKeys())
			if n := proto.Size(in); n > 4<<20 {
				t.Errorf("a call has %d bytes", n)
			}
		}
		if n := len(d.fake.importsAsked()); keys != 3000 || n < 2 {
			t.Errorf("%d keys in %d calls", keys, n)
		}
	})
}

func violations(fields ...string) error {
	bad := &errdetails.BadRequest{}
	for _, field := range fields {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: field, Description: "is wrong"})
	}
	return ourError(codes.InvalidArgument, "INVALID_ARGUMENT", bad)
}

// What the server finds wrong is told by the line of the file.
func TestImportTellsTheLine(t *testing.T) {
	text := "user,name,secret\nada,\"two\nlines\"," + goodSecret + "\n\nbo,x," + newSecret + "\n"
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.imports = []error{violations("keys[0].userId", "keys[1].allowedCidrs[2]", "keys[1].digest", "keys[1]", "keys[2].digest", "tenantId", "keys[x].digest")}
		r := d.run(t, "key", "import", kept(t, "keys.csv", text))
		r.wantCode(t, 2)
		want(t, "stdout", r.out, "")
		want(t, "stderr", r.err, `keystile: lines 2 to 5: it did not work (INVALID_ARGUMENT)
  field:    line 2: user is wrong
  field:    line 5: cidrs[2] is wrong
  field:    line 5: digest is wrong
  field:    line 5: is wrong
  field:    keys[2].digest is wrong
  field:    tenantId is wrong
  field:    keys[x].digest is wrong
  remedy:   Do it otherwise.
  docs:     https://example.com/errors.md#reason
  request:  req-7
`)
		wantWithout(t, "stderr", r.err, goodSecret)
	})
}

func TestAnImportThatStopsSaysWhatIsDone(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		name := kept(t, "keys.csv", many(30_000))
		d.fake.imports = []error{nil, violations("keys[3].digest")}
		r := d.run(t, "key", "import", name)
		r.wantCode(t, 2)
		wantPart(t, "stderr", r.err, "keystile: lines 10002 to 20001: it did not work")
		wantPart(t, "stderr", r.err, "line 10005: digest is wrong")
		wantPart(t, "stderr", r.err, "The 10000 keys before them are imported")
		if n := len(d.fake.importsAsked()); n != 2 {
			t.Errorf("%d calls, want 2: what is wrong ends the import", n)
		}
		d.fake.imports = []error{nil, unavailable()}
		r = d.run(t, "key", "import", name)
		r.wantCode(t, 7)
		wantPart(t, "stderr", r.err, "Whether lines 10002 to 20001 were imported is open: give the same command again")
		if n := len(d.fake.importsAsked()); n != 4 {
			t.Errorf("%d calls, want 4: a write is never repeated unasked", n)
		}
	})
}

// A dry run looks at everything before it reports.
func TestADryRunReportsAllChunks(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		name := kept(t, "keys.csv", many(30_000))
		d.fake.imports = []error{violations("keys[0].digest"), nil, violations("keys[9999].userId")}
		r := d.run(t, "key", "import", name, "--dry-run")
		r.wantCode(t, 2)
		wantPart(t, "stderr", r.err, `30000 of 30000 keys
keystile: the file can't be imported as it is; nothing was written (INVALID_ARGUMENT)
  field:    line 2: digest is wrong
  field:    line 30001: user is wrong
`)
		for _, in := range d.fake.importsAsked() {
			if !in.GetValidateOnly() || in.GetRequestId() != "" {
				t.Errorf("a dry run asked with validate_only %v and request id %q", in.GetValidateOnly(), in.GetRequestId())
			}
		}
		d.fake.imports = []error{nil, unavailable()}
		r = d.run(t, "key", "import", name, "--dry-run")
		r.wantCode(t, 7)
		wantWithout(t, "stderr", r.err, "is open")
	})
}
