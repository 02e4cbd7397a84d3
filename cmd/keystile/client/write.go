package client

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// Writing stands beside whatever a command writes.
type Writing struct {
	RequestID string `name:"request-id" placeholder:"ID" group:"Writing:" help:"Names this write, so that giving the same command again within a day does nothing more. Generated when absent."`
	DryRun
}

// DryRun stands beside writes that need no id: to give such a command again
// does nothing more.
type DryRun struct {
	ValidateOnly bool `group:"Writing:" help:"Check everything and write nothing."`
	Waiting
}

// Taking is how much a deletion may take along.
type Taking struct {
	Cascade bool `group:"Writing:" help:"Take along what hangs on it; without this the deletion is refused where something does."`
}

// Guard keeps a write from overwriting somebody else's.
type Guard struct {
	Etag string `placeholder:"ETAG" group:"Writing:" help:"Fail unless the record still has this etag."`
}

// name gives the write an id unless the person has.
func (w *Writing) name(t *Terminal) error { return nameWrite(t, &w.RequestID) }

func nameWrite(t *Terminal, requestID *string) error {
	if *requestID != "" {
		return nil
	}
	var id [16]byte
	if _, err := io.ReadFull(t.Random, id[:]); err != nil {
		return unexpectedf("choosing a request id: %w", err)
	}
	*requestID = "cli-" + hex.EncodeToString(id[:])
	return nil
}

// outcome adds to the failure of a write, when it may have taken effect all the
// same, how to give the command again without doing it twice.
func (w *Writing) outcome(err error, also string) error {
	if err == nil || w.ValidateOnly {
		return err
	}
	f := failureOf(err)
	if f.open() {
		f.repeat = "Whether it took effect is open; the same command with --request-id " + w.RequestID + also + " does it once at most."
	}
	return f
}

// outcomeOf is outcome for a write without an id.
func (d *DryRun) outcomeOf(err error) error {
	if err == nil || d.ValidateOnly {
		return err
	}
	f := failureOf(err)
	if f.open() {
		f.repeat = "Whether it took effect is open; look, or give the command again: it does nothing twice."
	}
	return f
}

// manage carries out one operation on a key. also is what must be added to the
// command to give the very same request again.
func (s *session) manage(ctx context.Context, w *Writing, req *pb.ManageKeyRequest, also string) (*pb.ManageKeyResponse, error) {
	res, err := s.keys.ManageKey(ctx, req)
	if err != nil {
		return nil, w.outcome(err, also)
	}
	s.noteOf(res.GetNote())
	return res, nil
}

// noteOf passes on what a server says is unusual about its answer.
func (s *session) noteOf(text string) {
	if text != "" {
		s.note("Note: %s", clean(text))
	}
}

// written is what every write answers.
type written interface {
	proto.Message
	GetNote() string
	GetPropagation() *pb.Propagation
}

// wrote shows the result of a write with where it is in force, and passes on its
// note.
func (s *session) wrote(res written, record *sheet, below ...fmt.Stringer) error {
	s.noteOf(res.GetNote())
	record.add("In force", inForce(res.GetPropagation()))
	return s.print(res, append(parts{record}, below...))
}

// keyAfter is the key after a write, and where that is in force.
func (s *session) keyAfter(res *pb.ManageKeyResponse) *sheet {
	key := keySheet(res.GetKey(), s.Now())
	key.add("In force", inForce(res.GetPropagation()))
	return key
}

// changed carries out an operation that makes no secret, and shows the key.
func (s *session) changed(ctx context.Context, w *Writing, req *pb.ManageKeyRequest) error {
	res, err := s.manage(ctx, w, req, "")
	if err != nil {
		return err
	}
	return s.print(res, s.keyAfter(res))
}

// ended carries out an operation that takes a key out of use, and says so when
// some replica may not know yet.
func (s *session) ended(ctx context.Context, w *Writing, req *pb.ManageKeyRequest) error {
	res, err := s.manage(ctx, w, req, "")
	if err != nil {
		return err
	}
	s.warnOfPending(res.GetPropagation())
	return s.print(res, s.keyAfter(res))
}

// warnOfPending tells a person who took a right away where it may still be used.
func (s *session) warnOfPending(p *pb.Propagation) {
	if text := stillAllowing(p); text != "" {
		s.note("keystile: warning: %s", clean(text))
	}
}
