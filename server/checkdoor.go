package server

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// The bounds of a check.
const (
	maxCost   = 1_000_000
	maxChecks = 1000
)

// KeyServer is the door of keystile.v1.KeyService.
type KeyServer struct {
	pb.UnimplementedKeyServiceServer
	service *Service
	door    string
}

// NewKeyServer makes the door to service. inner is true for the one that the REST
// facade calls.
func NewKeyServer(service *Service, inner bool) *KeyServer {
	k := &KeyServer{service: service, door: doorGRPC}
	if inner {
		k.door = doorREST
	}
	return k
}

// CheckKey decides one call.
func (k *KeyServer) CheckKey(ctx context.Context, req *pb.CheckKeyRequest) (*pb.CheckKeyResponse, error) {
	answer := k.service.newAnswer()
	defer k.service.release(answer)
	if err := k.decide(ctx, req, answer); err != nil {
		return nil, err
	}
	return k.service.verdictToProto(answer), nil
}

// decide decides one call.
func (k *KeyServer) decide(ctx context.Context, req *pb.CheckKeyRequest, answer *Answer) error {
	var v violations
	in := &answer.asked
	readQuestion(&v, alone, req, in)
	if err := v.err(); err != nil {
		return err
	}
	s, caller := k.service, callerFrom(ctx)
	if err := k.confine(ctx, &caller, &in.Question); err != nil {
		return err
	}
	if err := s.Check(ctx, &in.Question, answer); err != nil {
		s.metrics.undecided.WithLabelValues(k.door).Inc()
		return err
	}
	s.metrics.check(k.door, answer.Verdict.Reason)
	return nil
}

// decideAll decides each of many calls, all as of one moment, and has its answer taken
// before the next.
func (k *KeyServer) decideAll(ctx context.Context, req *pb.CheckKeysRequest, take func(*Answer) error) error {
	s, caller := k.service, callerFrom(ctx)
	var v violations
	if n := len(req.GetChecks()); n == 0 || n > maxChecks {
		v.add("checks", "must hold 1 to %d checks", maxChecks)
		return v.err()
	}
	batch := s.newBatch(len(req.GetChecks()))
	defer s.batches.Put(batch)
	for i, c := range req.GetChecks() {
		readQuestion(&v, place(i), c, &batch.asked[i])
	}
	if err := v.err(); err != nil {
		return err
	}
	revision := int64(0)
	for i := range batch.asked {
		q := &batch.asked[i].Question
		if err := k.confine(ctx, &caller, q); err != nil {
			return err
		}
		revision = max(revision, q.MinRevision)
	}
	var t tally
	err := s.decideEach(ctx, batch.asked, revision, func(a *Answer) error {
		t[a.Verdict.Reason]++
		return take(a)
	})
	s.metrics.checked(k.door, &t)
	if err != nil {
		s.metrics.undecided.WithLabelValues(k.door).Inc()
	}
	return err
}

// decideEach decides questions one after the other as of one moment, when the copy
// shows a revision.
func (s *Service) decideEach(ctx context.Context, questions []asked, revision int64, take func(*Answer) error) error {
	// Each question may have to ask about limits, which takes no longer than a moment; a
	// thousand moments are too many.
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	if err := s.await(ctx, revision); err != nil {
		return err
	}
	now := s.now()
	fresh, err := s.freshEnough(ctx, now, revision)
	if err != nil {
		return err
	}
	answer := s.newAnswer()
	defer s.release(answer)
	for i := range questions {
		answer.again = i > 0 && questions[i].sameAim(&questions[i-1].Question)
		if err := s.checkAt(ctx, &questions[i].Question, now, fresh, answer); err != nil {
			return err
		}
		if err := take(answer); err != nil {
			return err
		}
	}
	return nil
}

// batch is the room that the questions of a batch take.
type batch struct{ asked []asked }

func (s *Service) newBatch(n int) *batch {
	b, ok := s.batches.Get().(*batch)
	if !ok || cap(b.asked) < n {
		b = &batch{asked: make([]asked, n)}
	}
	b.asked = b.asked[:n]
	return b
}

// confine holds a question to the keys that the caller may ask about.
func (k *KeyServer) confine(ctx context.Context, caller *Caller, q *Question) error {
	if !caller.confine(q) {
		return k.service.refuse(ctx, *caller, methodFrom(ctx), notFound("tenant"))
	}
	return nil
}

// place is where in a request a question stands: from zero on, in a batch.
type place int

// The places of a question that stands in no batch.
const (
	alone     place = -1
	explained place = -2
)

// field names a field of the question, as it stands in the request.
func (p place) field(name string) string {
	switch p {
	case alone:
		return name
	case explained:
		return "check." + name
	}
	return fmt.Sprintf("checks[%d].%s", int(p), name)
}

// asked is a question with the room for what it is about.
type asked struct {
	Question
	call access.HTTPCall
}

// readQuestion checks what is asked. What is presented as a key is never a
// fault of the request: whatever it is, it gets a verdict.
func readQuestion(v *violations, at place, req *pb.CheckKeyRequest, q *asked) {
	*q = asked{Question: Question{
		Secret:     access.ParseSecret(req.GetKey()),
		Permission: req.GetPermission(),
		KeyTenant:  req.GetKeyTenant(),
	}}
	if p := req.GetPermission(); p != "" && !access.ValidPermission(p) {
		v.add(at.field("permission"), "must be one permission: dotted parts of letters, digits, '_' and '-', at most 128 bytes, no wildcard")
	}
	if t := req.GetKeyTenant(); t != "" && !validTenantID(t) {
		v.add(at.field("keyTenant"), "must be %s", tenantIDForm)
	}
	q.ClientIP = readAddress(v, at, "clientIp", req.GetClientIp())
	readAim(v, at, req, q)
	if text := req.GetMinRevision(); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			v.add(at.field("minRevision"), "must be a revision, as a write's propagation gives it")
		}
		q.MinRevision = n
	}
	q.Cost = readCost(v, at, req)
}

func readCost(v *violations, at place, req *pb.CheckKeyRequest) int64 {
	cost := req.GetCost()
	if cost < 0 || cost > maxCost {
		v.add(at.field("cost"), "must be 0 to %d", maxCost)
	}
	if req == nil || req.Cost == nil {
		return 1
	}
	return costOf(int64(cost))
}

func readAddress(v *violations, at place, field, text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		v.add(at.field(field), "must be one IPv4 or IPv6 address, without a port")
	}
	return addr
}

// readAim reads what is called. Method, host and path are the client's, and get
// a verdict whatever they are; names of tenants and APIs are the gateway's.
func readAim(v *violations, at place, req *pb.CheckKeyRequest, q *asked) {
	if t := req.GetTenant(); t != "" && !validTenantID(t) {
		v.add(at.field("tenant"), "must be %s", tenantIDForm)
	}
	if t := req.GetApiTenantId(); t != "" && !validTenantID(t) {
		v.add(at.field("apiTenantId"), "must be %s", tenantIDForm)
	}
	if id := req.GetApiId(); id != "" && !access.ValidAPIID(id) {
		v.add(at.field("apiId"), "must be %s", apiIDForm)
	}
	if req.GetApiTenantId() != "" && req.GetApiId() == "" {
		v.add(at.field("apiId"), "is required beside apiTenantId")
	}
	q.Tenant, q.API = req.GetTenant(), storage.APIRef{TenantID: req.GetApiTenantId(), ID: req.GetApiId()}
	call := req.GetRequest()
	if call == nil {
		return
	}
	q.call = access.HTTPCall{Method: call.GetMethod(), Host: call.GetHost(), Path: call.GetPath()}
	q.Call = &q.call
	ip := readAddress(v, at, "request.clientIp", call.GetClientIp())
	switch {
	case !q.ClientIP.IsValid():
		q.ClientIP = ip
	case ip.IsValid() && ip.Unmap() != q.ClientIP.Unmap():
		v.add(at.field("clientIp"), "differs from request.clientIp; give one of them")
	}
}

func (s *Service) verdictToProto(a *Answer) *pb.CheckKeyResponse {
	r := a.Verdict.Reason
	entry := r.Entry()
	out := pb.CheckKeyResponseFromVTPool()
	out.Allowed = a.Verdict.Allowed()
	out.Reason = pb.Verdict_Reason(r)
	out.Message = access.Message(a.Verdict, &a.Grant)
	out.Remedy = entry.Remedy
	out.DocumentationUrl = s.documentation(r)
	out.DecisionId = a.DecisionID
	out.MissingPermission = a.Verdict.Missing.Permission
	out.MissingFrom = string(a.Verdict.Missing.From)
	out.Freshness = pb.FreshnessFromVTPool()
	out.Freshness.Age = durationpb.New(a.Freshness.Age)
	out.Freshness.Revision = strconv.FormatInt(a.Freshness.Revision, 10)
	out.Freshness.Stale = a.Freshness.Stale
	for _, w := range a.Verdict.Warnings {
		out.Warnings = append(out.Warnings, warningToProto(w))
	}
	if !a.identified() {
		return out
	}
	out.Limit = limitToProto(&a.Limit)
	out.Identity = identityToProto(a)
	if t := &a.Grant.Target; t.API != nil && a.Verdict.Reason != access.RequestMalformed {
		out.ApiId, out.ApiTenantId, out.RoutePath = t.API.ID, t.API.TenantID, t.Pattern
		for _, p := range t.Params {
			if out.PathParameters == nil {
				out.PathParameters = make(map[string]string, len(t.Params))
			}
			out.PathParameters[p.Name] = p.Value
		}
	}
	if end := a.Grant.Key.ExpireTime; !end.IsZero() {
		out.ExpireTime = timestamppb.New(end)
	}
	return out
}

func warningToProto(w access.Warning) *pb.Warning {
	return &pb.Warning{Kind: pb.Warning_Kind(w.Kind), Message: w.Message(), Time: timeToProto(w.Time)}
}

// identityToProto says whose key it was: by ids alone on a refusal.
func identityToProto(a *Answer) *pb.Identity {
	key := a.Grant.Key
	// What is in the pool keeps its lists' room; nothing of the records' own may
	// come into it.
	id := pb.IdentityFromVTPool()
	id.TenantId, id.UserId, id.KeyId = key.TenantID, key.UserID, key.ID
	if !a.Verdict.Allowed() {
		return id
	}
	id.DisplayName = a.Grant.User.DisplayName
	id.Roles = append(id.Roles, a.Grant.User.Roles...)
	id.Permissions = a.Grant.AppendRights(id.Permissions)
	id.Labels = key.Labels
	return id
}
