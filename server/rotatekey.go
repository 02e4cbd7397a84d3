package server

import (
	"context"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/storage"
)

// How long a rotated-out secret goes on working.
const (
	defaultGrace = 24 * time.Hour
	maxGrace     = 90 * 24 * time.Hour
)

// rotateKey issues a new secret under the same id.
type rotateKey struct{ req *pb.RotateKey }

func (o rotateKey) call() callOptions {
	return callOptions{
		requestID: o.req.GetRequestId(), etag: o.req.GetEtag(), validateOnly: o.req.GetValidateOnly(),
	}
}

func (o rotateKey) yields() bool { return true }

func (o rotateKey) validate(v *violations, _ time.Time) {
	v.id("id", o.req.GetId(), validKeyID, keyIDForm)
	if g := o.req.GetGracePeriod(); g != nil {
		if g.CheckValid() != nil || g.AsDuration() < 0 || g.AsDuration() > maxGrace {
			v.add("gracePeriod", "must be 0s to %ds (90 days)", int64(maxGrace.Seconds()))
		}
	}
}

func (o rotateKey) subject(ctx context.Context, s *Service, _ *Caller) (subject, error) {
	return existingSubject(ctx, s, o.req.GetId())
}

func (o rotateKey) apply(w *keyWork, before *storage.Key) (result, error) {
	if err := notRevoked(before, "rotated"); err != nil {
		return result{}, err
	}
	grace := defaultGrace
	if g := o.req.GetGracePeriod(); g != nil {
		grace = g.AsDuration()
	}
	secret, record, err := w.service.newSecret(prefixOf(w.tenant, before), w.now)
	if err != nil {
		return result{}, err
	}
	after := copyKey(before)
	for i := range after.Secrets {
		old := &after.Secrets[i]
		switch {
		case i == 0:
			old.EndTime = w.now.Add(grace).Truncate(time.Microsecond)
		case old.EndTime.After(w.now):
			old.EndTime = w.now
		}
	}
	after.Secrets = append([]storage.Secret{record}, after.Secrets...)
	if len(after.Secrets) > storage.MaxSecrets {
		after.Secrets = after.Secrets[:storage.MaxSecrets]
	}
	if err := enforcePolicy(&w.tenant.KeyPolicy, after, w.now); err != nil {
		return result{}, err
	}
	return result{key: after, secret: secret, changed: true}, nil
}
