package client

import (
	"context"
	"os"
	"path/filepath"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// NewSecret is where a new secret goes.
type NewSecret struct {
	SecretFile string `type:"path" placeholder:"FILE" help:"Write the secret to FILE, which must not exist yet, readable by you alone; otherwise it is printed."`
}

// issue carries out an operation that makes a secret, and hands the secret over:
// alone on stdout, so that a script can take it, or in the file. The file is
// made before the call: a secret that can't be kept is better never made.
func (s *session) issue(ctx context.Context, w *Writing, n *NewSecret, req *pb.ManageKeyRequest, also string) error {
	var file *os.File
	if n.SecretFile != "" && !w.ValidateOnly {
		var err error
		file, err = os.OpenFile(filepath.Clean(n.SecretFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return usagef("--secret-file: %w", err)
		}
	}
	res, err := s.manage(ctx, w, req, also)
	if err != nil || res.GetSecret() == "" {
		discard(file)
	}
	if r := req.GetRotate(); r.GetGracePeriod() != nil && r.GetGracePeriod().AsDuration() == 0 {
		s.warnOfPending(res.GetPropagation())
	}
	switch {
	case err != nil:
		return err
	case w.ValidateOnly:
		return s.print(res, s.keyAfter(res))
	case res.GetSecret() == "":
		return s.withheld(res)
	case file != nil:
		return s.store(res, file)
	}
	return s.show(res)
}

// show prints a new secret. A person sees the key beside it, on stderr.
func (s *session) show(res *pb.ManageKeyResponse) error {
	if !s.json {
		s.note("%s", s.keyAfter(res))
	}
	s.note("This secret is shown once and kept nowhere: store it now.")
	return s.print(res, line(res.GetSecret()))
}

// store writes a new secret to the file that was made for it, and prints the
// key without it.
func (s *session) store(res *pb.ManageKeyResponse, file *os.File) error {
	_, err := file.WriteString(res.GetSecret() + "\n")
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		f := unexpectedf("the key %s was written, but its secret could not be kept: %w", res.GetKey().GetId(), err)
		f.remedy = "Rotate the key to get a new secret."
		return f
	}
	s.note("The secret is in %s; it is kept nowhere else.", clean(file.Name()))
	res.Secret = ""
	return s.print(res, s.keyAfter(res))
}

// withheld ends a repeated command: its work was done before, and the secret is
// not to be had again.
func (s *session) withheld(res *pb.ManageKeyResponse) error {
	if err := s.print(res, s.keyAfter(res)); err != nil {
		return err
	}
	return &failure{
		exit: exitConflict, reason: "SECRET_WITHHELD",
		message: "this was done before under the same request id, and its secret is shown once only",
		remedy:  "If the secret is lost, rotate the key to get a new one.",
	}
}

// discard removes the file that a secret was to go to.
func discard(file *os.File) {
	if file != nil {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}
}

// line is a text that ends its line.
type line string

func (l line) String() string { return string(l) + "\n" }
