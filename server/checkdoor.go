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
	var v violations
	q := readQuestion(&v, "", req)
	if err := v.err(); err != nil {
		return nil, err
	}
	return k.answer(ctx, q)
}

// CheckKeys decides each of many calls.
func (k *KeyServer) CheckKeys(ctx context.Context, req *pb.CheckKeysRequest) (*pb.CheckKeysResponse, error) {
	var v violations
	if n := len(req.GetChecks()); n == 0 || n > maxChecks {
		v.add("checks", "must hold 1 to %d checks", maxChecks)
		return nil, v.err()
	}
	questions := make([]Question, len(req.GetChecks()))
	for i, c := range req.GetChecks() {
		questions[i] = readQuestion(&v, fmt.Sprintf("checks[%d].", i), c)
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	out := &pb.CheckKeysResponse{Results: make([]*pb.CheckKeyResponse, len(questions))}
	for i := range questions {
		var err error
		if out.Results[i], err = k.answer(ctx, questions[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// answer decides a question within the caller's bounds.
func (k *KeyServer) answer(ctx context.Context, q Question) (*pb.CheckKeyResponse, error) {
	s, door := k.service, k.door
	if c := callerFrom(ctx); !c.confine(&q) {
		return nil, s.refuse(ctx, c, methodFrom(ctx), notFound("tenant"))
	}
	answer, err := s.Check(ctx, q)
	if err != nil {
		s.metrics.undecided.WithLabelValues(door).Inc()
		return nil, err
	}
	s.metrics.check(door, answer.Verdict.Reason)
	return s.verdictToProto(&answer), nil
}

// readQuestion checks what is asked. What is presented as a key is never a
// fault of the request: whatever it is, it gets a verdict.
func readQuestion(v *violations, at string, req *pb.CheckKeyRequest) Question {
	q := Question{
		Secret:     access.ParseSecret(req.GetKey()),
		Permission: req.GetPermission(),
		KeyTenant:  req.GetKeyTenant(),
	}
	if p := req.GetPermission(); p != "" && !access.ValidPermission(p) {
		v.add(at+"permission", "must be one permission: dotted parts of letters, digits, '_' and '-', at most 128 bytes, no wildcard")
	}
	if t := req.GetKeyTenant(); t != "" && !validTenantID(t) {
		v.add(at+"keyTenant", "must be %s", tenantIDForm)
	}
	q.ClientIP = readAddress(v, at+"clientIp", req.GetClientIp())
	readAim(v, at, req, &q)
	if text := req.GetMinRevision(); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			v.add(at+"minRevision", "must be a revision, as a write's propagation gives it")
		}
		q.MinRevision = n
	}
	if cost := req.GetCost(); cost < 0 || cost > maxCost {
		v.add(at+"cost", "must be 0 to %d", maxCost)
	}
	return q
}

func readAddress(v *violations, field, text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		v.add(field, "must be one IPv4 or IPv6 address, without a port")
	}
	return addr
}

// readAim reads what is called. Method, host and path are the client's, and get
// a verdict whatever they are; names of tenants and APIs are the gateway's.
func readAim(v *violations, at string, req *pb.CheckKeyRequest, q *Question) {
	if t := req.GetTenant(); t != "" && !validTenantID(t) {
		v.add(at+"tenant", "must be %s", tenantIDForm)
	}
	if t := req.GetApiTenantId(); t != "" && !validTenantID(t) {
		v.add(at+"apiTenantId", "must be %s", tenantIDForm)
	}
	if id := req.GetApiId(); id != "" && !access.ValidAPIID(id) {
		v.add(at+"apiId", "must be %s", apiIDForm)
	}
	if req.GetApiTenantId() != "" && req.GetApiId() == "" {
		v.add(at+"apiId", "is required beside apiTenantId")
	}
	q.Tenant, q.API = req.GetTenant(), storage.APIRef{TenantID: req.GetApiTenantId(), ID: req.GetApiId()}
	call := req.GetRequest()
	if call == nil {
		return
	}
	q.Call = &access.HTTPCall{Method: call.GetMethod(), Host: call.GetHost(), Path: call.GetPath()}
	ip := readAddress(v, at+"request.clientIp", call.GetClientIp())
	switch {
	case !q.ClientIP.IsValid():
		q.ClientIP = ip
	case ip.IsValid() && ip.Unmap() != q.ClientIP.Unmap():
		v.add(at+"clientIp", "differs from request.clientIp; give one of them")
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
	id.Permissions = append(id.Permissions, a.Grant.Rights().Named()...)
	id.Labels = key.Labels
	return id
}
