package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// The bounds of the refusals that are kept: in memory for each tenant and in
// all, and in the store for each minute.
const (
	maxDecisionsPerTenant = 1000
	maxDecisionTenants    = 200
	maxDecisionsWaiting   = 2000
	maxDecisionsPerMinute = 600
	decisionsPerTenant    = 60
	forgetEvery           = 10 * time.Minute
)

// decision is a refusal as it is kept, so that it can be explained later. It
// holds no secret, and of a request no query.
type decision struct {
	ID          string        `json:"id"`
	Time        time.Time     `json:"time"`
	Reason      access.Reason `json:"reason"`
	Message     string        `json:"message"`
	TenantID    string        `json:"tenantId"`
	UserID      string        `json:"userId"`
	KeyID       string        `json:"keyId"`
	SecretIndex int           `json:"secretIndex"`
	Permission  string        `json:"permission,omitempty"`
	Tenant      string        `json:"tenant,omitempty"`
	KeyTenant   string        `json:"keyTenant,omitempty"`
	APIID       string        `json:"apiId,omitempty"`
	APITenantID string        `json:"apiTenantId,omitempty"`
	// NamedAPI is the API that was asked by name; APIID the one that was found.
	NamedAPI *storage.APIRef `json:"namedApi,omitempty"`
	HTTP     bool            `json:"http,omitempty"`
	Method   string          `json:"method,omitempty"`
	Host     string          `json:"host,omitempty"`
	Path     string          `json:"path,omitempty"`
	ClientIP string          `json:"clientIp,omitempty"`
}

// newDecision keeps what an explanation will need.
func newDecision(a *Answer, q *Question, now time.Time) *decision {
	key := a.Grant.Key
	d := &decision{
		ID: strings.Clone(a.DecisionID), Time: now, Reason: a.Verdict.Reason, Message: access.Message(a.Verdict, &a.Grant),
		TenantID: strings.Clone(key.TenantID), UserID: strings.Clone(key.UserID), KeyID: strings.Clone(key.ID), SecretIndex: a.Grant.SecretIndex,
		// A question's texts lie in one piece of memory with all of its request, which
		// must not be kept along.
		Permission: strings.Clone(q.Permission), Tenant: strings.Clone(q.Tenant), KeyTenant: strings.Clone(q.KeyTenant),
	}
	if api := a.Grant.Target.API; api != nil {
		d.APIID, d.APITenantID = api.ID, api.TenantID
	}
	if q.API.ID != "" {
		d.NamedAPI = &storage.APIRef{TenantID: strings.Clone(q.API.TenantID), ID: strings.Clone(q.API.ID)}
	}
	if q.ClientIP.IsValid() {
		d.ClientIP = q.ClientIP.String()
	}
	if q.Call != nil {
		d.HTTP, d.Method, d.Host, d.Path = true, bounded(q.Call.Method), bounded(q.Call.Host), bounded(withoutQuery(q.Call.Path))
	}
	return d
}

// withoutQuery cuts a query off: it may hold secrets.
func withoutQuery(path string) string {
	for i := range len(path) {
		if path[i] == '?' {
			return path[:i]
		}
	}
	return path
}

// bounded keeps what a client sent small, and fit to be stored.
func bounded(text string) string {
	const most = 1024
	if len(text) > most {
		text = text[:most]
	}
	clean := make([]rune, 0, len(text))
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			c = '\uFFFD'
		}
		clean = append(clean, c)
	}
	return string(clean)
}

// ring keeps a tenant's newest decisions.
type ring struct {
	list []*decision
	next int
}

// decisions keeps refusals in memory: so many for each tenant, so that what one
// tenant's clients do wrong evicts nothing of another's.
type decisions struct {
	mu      sync.Mutex
	rings   map[string]*ring
	byID    map[string]*decision
	waiting []*decision
	// minute counts what was chosen for the store in this minute, in all and of
	// each tenant.
	minute    time.Time
	chosen    int
	perTenant map[string]int
}

func newDecisions() *decisions {
	return &decisions{rings: map[string]*ring{}, byID: map[string]*decision{}, perTenant: map[string]int{}}
}

// note keeps a refusal; it never waits for anything but memory.
func (d *decisions) note(dec *decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rings[dec.TenantID]
	if r == nil {
		if len(d.rings) >= maxDecisionTenants {
			d.dropStalest()
		}
		r = &ring{}
		d.rings[dec.TenantID] = r
	}
	if len(r.list) < maxDecisionsPerTenant {
		r.list = append(r.list, dec)
	} else {
		delete(d.byID, r.list[r.next].ID)
		r.list[r.next] = dec
		r.next = (r.next + 1) % len(r.list)
	}
	d.byID[dec.ID] = dec
	d.choose(dec)
}

// choose samples for the store: the first of each minute, in all and of each
// tenant.
func (d *decisions) choose(dec *decision) {
	if minute := dec.Time.Truncate(time.Minute); !minute.Equal(d.minute) {
		d.minute, d.chosen = minute, 0
		clear(d.perTenant)
	}
	if d.chosen < maxDecisionsPerMinute && d.perTenant[dec.TenantID] < decisionsPerTenant && len(d.waiting) < maxDecisionsWaiting {
		d.chosen++
		d.perTenant[dec.TenantID]++
		d.waiting = append(d.waiting, dec)
	}
}

// dropStalest makes room for another tenant.
func (d *decisions) dropStalest() {
	stalest, newest := "", time.Time{}
	for tenant, r := range d.rings {
		last := r.list[(r.next+len(r.list)-1)%len(r.list)].Time
		if stalest == "" || last.Before(newest) {
			stalest, newest = tenant, last
		}
	}
	for _, dec := range d.rings[stalest].list {
		delete(d.byID, dec.ID)
	}
	delete(d.rings, stalest)
}

func (d *decisions) find(id string) *decision {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.byID[id]
}

// take gives what waits for the store.
func (d *decisions) take() []*decision {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.waiting
	d.waiting = nil
	return out
}

// flushDecisions writes what was chosen. What can't be written is let go: it is
// a help, and no record.
func (s *Service) flushDecisions(ctx context.Context) {
	waiting := s.decisions.take()
	if len(waiting) == 0 {
		return
	}
	rows := make([]storage.Decision, 0, len(waiting))
	for _, dec := range waiting {
		payload, err := json.Marshal(dec)
		if err != nil {
			continue
		}
		rows = append(rows, storage.Decision{
			ID: dec.ID, TenantID: dec.TenantID, APITenantID: dec.APITenantID, Time: dec.Time.UTC(), Payload: payload,
		})
	}
	if err := s.store.PutDecisions(ctx, rows); err != nil {
		s.log.WarnContext(ctx, "refusals are not kept for explanation", "refusals", len(rows), "error", err)
	}
}

// findDecision finds a refusal that is still kept, here or in the store.
func (s *Service) findDecision(ctx context.Context, id string) (*decision, error) {
	if dec := s.decisions.find(id); dec != nil {
		return dec, nil
	}
	row, err := s.store.GetDecision(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, errNotKept
	}
	if err != nil {
		return nil, fmt.Errorf("reading the decision: %w", err)
	}
	dec := &decision{}
	if err := json.Unmarshal(row.Payload, dec); err != nil {
		return nil, fmt.Errorf("decoding the decision: %w", err)
	}
	return dec, nil
}
