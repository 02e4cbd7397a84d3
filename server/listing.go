package server

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/keystile/keystile/server/filter"
)

// The bounds of one list call: how many records are read at once, and how many
// at the most before a page is given, full or not.
const (
	scanChunk = 500
	maxScan   = 5000
)

// cursor is a place in a listing: by id, or by time and id.
type cursor struct {
	Time int64  `json:"t,omitempty"`
	ID   string `json:"i,omitempty"`
}

// pageRequest is what every list request has.
type pageRequest interface {
	GetPageSize() int32
	GetPageToken() string
	GetFilter() string
}

// listing says how one kind of record is listed.
type listing[R any, M proto.Message] struct {
	// query tells this query from every other.
	query []string
	fetch func(ctx context.Context, after cursor, limit int) ([]R, error)
	// show gives records as the caller may see them, as many as it is given.
	show func(ctx context.Context, records []R) ([]M, error)
	// place is where a record stands.
	place func(R) cursor
}

// list gives a page. A filter may leave a page short, or empty, with a token to
// go on: no call reads without bound.
func list[R any, M proto.Message](ctx context.Context, s *Service, v *violations, req pageRequest, l listing[R, M]) ([]M, string, error) {
	var zero M
	narrow, err := filter.Parse(req.GetFilter(), zero.ProtoReflect().Descriptor(), filter.Options{})
	if err != nil {
		v.add("filter", "%v", err)
	}
	query := queryPrint(append(l.query, req.GetFilter())...)
	size := pageSize(v, req.GetPageSize())
	var at cursor
	readPageToken(v, req.GetPageToken(), query, &at)
	if err := v.err(); err != nil {
		return nil, "", err
	}
	chunk := scanChunk
	if req.GetFilter() == "" {
		chunk = size + 1
	}
	out := make([]M, 0, size)
	for scanned := 0; scanned < maxScan; {
		records, err := l.fetch(ctx, at, chunk)
		if err != nil {
			return nil, "", fmt.Errorf("listing: %w", err)
		}
		shown, err := l.show(ctx, records)
		if err != nil {
			return nil, "", err
		}
		for i, m := range shown {
			if len(out) == size {
				return out, pageToken(query, at), nil
			}
			at = l.place(records[i])
			if narrow.Matches(m, s.now()) {
				out = append(out, m)
			}
		}
		if len(records) < chunk {
			return out, "", nil
		}
		scanned += len(records)
	}
	return out, pageToken(query, at), nil
}

// each makes a show of a function for one record.
func each[R any, M proto.Message](one func(R) M) func(context.Context, []R) ([]M, error) {
	return func(_ context.Context, records []R) ([]M, error) {
		out := make([]M, len(records))
		for i, r := range records {
			out[i] = one(r)
		}
		return out, nil
	}
}
