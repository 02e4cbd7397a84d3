package client

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// Waiting stands beside whatever a command writes. Zero waits.
type Waiting struct {
	NoWait bool `name:"no-wait" group:"Writing:" help:"Come back as soon as it is written, not when every replica decides by it."`
}

// wait is what the request says; nothing where the server's way is meant.
func (w *Waiting) wait() *bool {
	if !w.NoWait {
		return nil
	}
	return proto.Bool(false)
}

// inForce says where a write is in force; nothing when nothing was written.
func inForce(p *pb.Propagation) string {
	switch {
	case p == nil:
		return ""
	case p.GetState() == pb.Propagation_CONFIRMED:
		return "on every replica"
	case len(p.GetReplicas()) == 0:
		return "pending; the store could not say on which replicas"
	}
	text := "pending on " + replicas(p)
	if end := lastStop(p); end != "" {
		text += ", by " + end
	}
	return text
}

// replicas counts those that have not confirmed.
func replicas(p *pb.Propagation) string {
	if n := len(p.GetReplicas()); n != 1 {
		return fmt.Sprintf("%d replicas", n)
	}
	return "1 replica"
}

// lastStop is when the last of them decides by the write, or not at all; empty
// when that is not known.
func lastStop(p *pb.Propagation) string {
	var last time.Time
	for _, r := range p.GetReplicas() {
		if r.GetStopTime() == nil {
			// One that names no end may have none.
			return ""
		}
		if t := r.GetStopTime().AsTime(); t.After(last) {
			last = t
		}
	}
	// To the second, and never too early.
	if whole := last.Truncate(time.Second); whole.Before(last) {
		last = whole.Add(time.Second)
	}
	return last.UTC().Format(time.TimeOnly) + " UTC at the latest"
}

// stillAllowing says what it means that a write which takes a right away is not
// in force everywhere; nothing when it is.
func stillAllowing(p *pb.Propagation) string {
	if p == nil || p.GetState() == pb.Propagation_CONFIRMED {
		return ""
	}
	const pending = "not in force everywhere yet: "
	if len(p.GetReplicas()) == 0 {
		return pending + "the store could not say on which replicas: some may still allow what this ends"
	}
	ids := make([]string, 0, len(p.GetReplicas()))
	for _, r := range p.GetReplicas() {
		ids = append(ids, r.GetId())
	}
	text := pending + replicas(p) + " (" + list(ids) + ") may still allow what this ends"
	if end := lastStop(p); end != "" {
		text += ", until " + end
	}
	return text
}
