package client

import (
	"encoding/json"
	"io"
	"os"

	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// maxAPIFile bounds a file: an API with 1,000 long routes has room.
const maxAPIFile = 4 << 20

// apiFile is an API as a file says it, without what the server sets by itself;
// only its etag is left.
type apiFile struct {
	api *pb.Api
	// members are the names that stand in the file.
	members map[string]json.RawMessage
}

// names tells whether the file says something about a field, which may have two
// spellings.
func (f *apiFile) names(spellings ...string) bool {
	for _, name := range spellings {
		if _, ok := f.members[name]; ok {
			return true
		}
	}
	return false
}

// readAPIFile reads the JSON of an API, by itself or, as answers have it, as
// the member "api".
func readAPIFile(name string, t *Terminal) (*apiFile, error) {
	from := t.In
	if name != "-" {
		file, err := os.Open(name) //nolint:gosec // the person names the file
		if err != nil {
			return nil, usagef("--file: %w", err)
		}
		defer func() { _ = file.Close() }()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, maxAPIFile+1))
	if err != nil {
		return nil, usagef("--file: %w", err)
	}
	if len(text) > maxAPIFile {
		return nil, usagef("--file: this has more than %d bytes", maxAPIFile)
	}
	out := &apiFile{api: &pb.Api{}}
	if err := json.Unmarshal(text, &out.members); err != nil {
		return nil, usagef("--file: no JSON object: %w", err)
	}
	if inner, ok := out.members["api"]; ok {
		text, out.members = inner, nil
		if err := json.Unmarshal(text, &out.members); err != nil {
			return nil, usagef(`--file: "api" is no JSON object: %w`, err)
		}
	}
	if err := protojson.Unmarshal(text, out.api); err != nil {
		return nil, usagef("--file: no API: %w", err)
	}
	out.api.State = pb.Api_STATE_UNSPECIFIED
	out.api.DeprecateTime, out.api.SunsetTime, out.api.CreateTime, out.api.UpdateTime = nil, nil, nil, nil
	return out, nil
}
