package client

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"

	"google.golang.org/grpc/codes"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// KeyImport takes over keys from a file.
type KeyImport struct {
	File   string       `arg:"" type:"path" name:"file" help:"The file: CSV with a header line, or JSON lines."`
	Tenant string       `placeholder:"TENANT" help:"Whose keys they become. Default: your own tenant's."`
	Format ImportFormat `placeholder:"csv|jsonl" help:"What the file is. Default: by its ending, .csv, .jsonl or .ndjson."`
	DryRun bool         `help:"Have everything checked, and nothing written."`
	Waiting
}

// Help shows how it is used.
func (*KeyImport) Help() string {
	return `A line is a key. Its columns, or the members of its JSON object, are:

    digest      SHA-256 of the secret, in hex or base 64; or else
    secret      the secret itself, of which only the digest is kept
    user        whose key it is; required
    name        a name for people
    scopes      permissions that narrow the key
    cidrs       the networks that it is accepted from
    labels      free labels
    expireTime  when it ends, such as 2027-01-01T00:00:00Z
    apis        the APIs that it may call
    rateLimits  rate limits, such as m=10/60s,burst=20
    quotas      quotas, such as q=100/DAY,zone=Europe/Berlin

In CSV, several scopes, cidrs, labels, apis or limits are separated by ';', and a label is name=value:
"orders.read;orders.write", "team=core;env=prod". In JSON they may be lists, and labels an object.

The file is read twice, so it can't be a pipe. Unless every line can be read, nothing is sent. The
keys go 10,000 a call (fewer when they are long), and each call is done as a whole or not at all. To
give the same command again, after a failure or after mending a later line, is safe for a day: what
is done already is not done twice. --dry-run judges each call by itself; that two calls hold the same
secret comes out when they are made.

Examples:

    keystile key import keys.csv --tenant acme --dry-run
    keystile key import keys.jsonl --tenant acme
    keystile key import legacy.txt --format csv -o json`
}

// Run imports the file.
func (c *KeyImport) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		file, err := c.open()
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		source := &importSource{file: file, format: c.Format}
		total, err := source.survey(t)
		if err != nil {
			return err
		}
		work := &importWork{
			session: s, tenant: c.Tenant, dryRun: c.DryRun, wait: c.wait(),
			progress: newProgress(t.Err, total), all: &pb.ImportKeysResponse{},
		}
		if err := work.run(ctx, source); err != nil {
			return err
		}
		done := &sheet{}
		if c.DryRun {
			done.add("Checked", strconv.Itoa(work.keys))
		} else {
			done.add("Imported", strconv.Itoa(work.keys))
		}
		done.add("Calls", strconv.Itoa(work.calls))
		return s.wrote(work.all, done)
	})
}

// open opens the file, and finds out what it is.
func (c *KeyImport) open() (*os.File, error) {
	if c.Format == "" {
		if c.Format = formatOf(c.File); c.Format == "" {
			return nil, usagef("the file's ending tells no format: give --format csv or jsonl")
		}
	}
	file, err := os.Open(c.File)
	if err != nil {
		return nil, usagef("%w", err)
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = file.Close()
		return nil, usagef("%s: this must be a regular file, for it is read twice", c.File)
	}
	return file, nil
}

// importWork is an import that is going on.
type importWork struct {
	*session
	tenant   string
	dryRun   bool
	wait     *bool
	progress *progress
	// calls and keys are how many were made.
	calls, keys int
	// faults are what a dry run has found so far.
	faults []violation
	// all is what the calls have answered. It holds ids where programs want
	// them, and is the only thing that grows with the file.
	all *pb.ImportKeysResponse
}

// run sends the file chunk by chunk. A dry run goes on after a chunk that is
// wrong, to find what is wrong with the others.
func (w *importWork) run(ctx context.Context, source *importSource) error {
	next, err := source.entries()
	if err != nil {
		return err
	}
	chunks := &chunker{next: next, tenant: w.tenant}
	w.progress.begin()
	defer w.progress.end()
	for {
		c, err := chunks.read()
		if errors.Is(err, io.EOF) {
			return w.verdict()
		}
		if err != nil {
			return err
		}
		if err := w.send(ctx, c); err != nil {
			return err
		}
		w.progress.advance(len(c.lines))
	}
}

// send makes the call for a chunk.
func (w *importWork) send(ctx context.Context, c *chunk) error {
	req := c.request
	req.WaitForPropagation = w.wait
	if req.ValidateOnly = w.dryRun; !w.dryRun {
		req.RequestId = c.id()
	}
	res, err := w.session.keys.ImportKeys(ctx, req)
	w.calls++
	if err != nil {
		f := w.failure(c, err)
		if !w.dryRun || f.code != codes.InvalidArgument || len(f.violations) == 0 {
			return f
		}
		w.faults = append(w.faults, f.violations...)
		return nil
	}
	w.keys += len(c.lines)
	// A replica that decides by the last call's write decides by those before.
	w.all.Note, w.all.Revision, w.all.Propagation = res.GetNote(), res.GetRevision(), res.GetPropagation()
	if w.json {
		w.all.KeyIds = append(w.all.KeyIds, res.GetKeyIds()...)
	}
	return nil
}

// verdict is what a dry run has come to.
func (w *importWork) verdict() error {
	if len(w.faults) == 0 {
		return nil
	}
	f := usagef("the file can't be imported as it is; nothing was written")
	f.code, f.violations = codes.InvalidArgument, shortened(w.faults)
	f.reason = codeName(f.code)
	return f
}
