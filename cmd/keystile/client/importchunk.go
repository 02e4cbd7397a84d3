package client

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strconv"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

const (
	// chunkKeys is the most keys of one call.
	chunkKeys = 10_000
	// chunkBytes keeps a call of long keys within what servers take: 4 MiB as
	// gRPC, and, as JSON is longer, 8 MiB over REST.
	chunkBytes = 3 << 20
)

// chunk is what one call imports.
type chunk struct {
	request *pb.ImportKeysRequest
	// lines are where the keys begin in the file.
	lines []int
}

// id names the chunk by what it holds. Who gives a command again asks for the
// same chunks under the same names, and what was done before is not done twice;
// this holds for all chunks before the first line that was changed.
func (c *chunk) id() string {
	h := sha256.New()
	part := func(m proto.Message) {
		// Messages of this contract always marshal, and a hash takes everything.
		text, _ := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		_, _ = h.Write([]byte(strconv.Itoa(len(text)) + ":"))
		_, _ = h.Write(text)
	}
	part(&pb.ImportKeysRequest{TenantId: c.request.GetTenantId()})
	for _, key := range c.request.GetKeys() {
		part(key)
	}
	return "import-" + hex.EncodeToString(h.Sum(nil))
}

// chunker cuts a file into chunks. Where it cuts depends on the lines before
// alone.
type chunker struct {
	next   func() (*entry, error)
	tenant string
	// kept is an entry that had no room in the chunk before.
	kept *entry
}

// read gives the next chunk; io.EOF when there is none.
func (c *chunker) read() (*chunk, error) {
	out := &chunk{request: &pb.ImportKeysRequest{TenantId: c.tenant}}
	for size := 0; len(out.lines) < chunkKeys; {
		e, err := c.entry()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(e.faults) > 0 {
			return nil, usagef("line %d: the file has changed while it was read", e.line)
		}
		length := proto.Size(e.key)
		if size += length; size > chunkBytes && len(out.lines) > 0 {
			c.kept = e
			break
		}
		out.request.Keys = append(out.request.Keys, e.key)
		out.lines = append(out.lines, e.line)
	}
	if len(out.lines) == 0 {
		return nil, io.EOF
	}
	return out, nil
}

func (c *chunker) entry() (*entry, error) {
	if e := c.kept; e != nil {
		c.kept = nil
		return e, nil
	}
	return c.next()
}
