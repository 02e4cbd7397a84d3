package server

import (
	"context"
	"net/netip"
	"strings"

	"google.golang.org/grpc/codes"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/mirror"
)

// errNotKept: the decision id names nothing that is still known.
var errNotKept = &Fault{
	Code: codes.NotFound, Reason: "DECISION_NOT_KEPT",
	Message: "this decision was not kept: it is older than the retention time, was left out by sampling, was an allowed check, or never was",
	Remedy:  "Explain by key id in its place: keystile explain --key-id KEY_ID, with the same permission or request.",
}

// Explain goes through a decision step by step, for administrators of the key's
// tenant. A past refusal is judged again by how things stand now, beside what it
// was then.
func (d *DirectoryServer) Explain(ctx context.Context, req *pb.ExplainRequest) (*pb.ExplainResponse, error) {
	s, c := d.service, callerFrom(ctx)
	q, err := readExplain(req)
	if err != nil {
		return nil, err
	}
	fresh := s.keys.FreshnessAt(s.now())
	if !fresh.Fresh {
		return nil, unavailable(errStale)
	}
	out := &pb.ExplainResponse{}
	if req.GetDecisionId() != "" {
		past, err := s.findDecision(ctx, req.GetDecisionId())
		if err != nil {
			return nil, err
		}
		if out.Past, err = s.pastFor(ctx, &c, past); err != nil {
			return nil, err
		}
		if !c.Grant.Reaches(past.TenantID) {
			// The API's tenant sees what was decided about its API, and nothing of
			// another tenant's key.
			return out, nil
		}
		q = questionOf(past)
		return out, s.explainKey(ctx, &c, past.KeyID, past.SecretIndex, q, out)
	}
	if req.GetKeyId() != "" {
		return out, s.explainKey(ctx, &c, req.GetKeyId(), 0, q, out)
	}
	return out, s.explainSecret(ctx, &c, q, out)
}

func readExplain(req *pb.ExplainRequest) (Question, error) {
	var v violations
	var in asked
	readQuestion(&v, explained, req.GetCheck(), &in)
	named := 0
	for _, given := range []bool{req.GetCheck().GetKey() != "", req.GetKeyId() != "", req.GetDecisionId() != ""} {
		if given {
			named++
		}
	}
	if named != 1 {
		v.add("keyId", "give exactly one of check.key, keyId and decisionId")
	}
	if req.GetKeyId() != "" {
		v.id("keyId", req.GetKeyId(), validKeyID, keyIDForm)
	}
	if id := req.GetDecisionId(); id != "" && !validGenerated(id, decisionIDPrefix) {
		v.add("decisionId", "must be a decision's id, such as dec_0123456789abcdefghjkmnpqrs")
	}
	return in.Question, v.err()
}

// explainSecret explains a presented secret. To who may not act everywhere, keys
// of other tenants are as unknown as keys that do not exist.
func (s *Service) explainSecret(ctx context.Context, c *Caller, q Question, out *pb.ExplainResponse) error {
	if !c.everywhere() {
		q.KeyTenant = c.tenant()
	}
	var req access.Request
	q.request(&req)
	var grant access.Grant
	if req.Form == access.WellFormed || req.Form == access.Mistyped {
		s.find(&access.Digester{}, q.Secret, &req.Aim, &mirror.Room{}, &grant)
	}
	if grant.Key != nil && !c.Grant.Reaches(grant.Key.TenantID) {
		grant = access.Grant{}
	}
	return s.explain(ctx, grant, &q, req, out)
}

// explainKey explains a key by its id, as if one of its secrets were presented.
func (s *Service) explainKey(ctx context.Context, c *Caller, keyID string, secret int, q Question, out *pb.ExplainResponse) error {
	var req access.Request
	q.request(&req)
	req.Form = access.WellFormed
	grant, ok := s.keys.LookupID(keyID, &req.Aim)
	if !ok {
		return notFound("key")
	}
	if !c.Grant.Reaches(grant.Key.TenantID) {
		return s.refuse(ctx, *c, methodFrom(ctx), notFound("key"))
	}
	if secret > 0 && secret < len(grant.Key.Secrets) {
		grant.SecretIndex = secret
	}
	return s.explain(ctx, grant, &q, req, out)
}

func (s *Service) explain(ctx context.Context, grant access.Grant, q *Question, req access.Request, out *pb.ExplainResponse) error {
	now := s.now()
	verdict, findings := access.Explain(now, grant, req)
	answer := Answer{Verdict: verdict, Grant: grant, Freshness: s.keys.FreshnessAt(now)}
	for _, f := range findings {
		step := &pb.ExplainStep{
			Name: f.Name, Outcome: pb.ExplainStep_Outcome(f.Outcome), Reason: pb.Verdict_Reason(f.Reason), Decisive: f.Decisive,
		}
		if f.Outcome == access.Failed {
			step.Detail, step.Record = detail(f, &grant, &req)
			step.Cure, step.CuredBy = cure(f.Reason, &grant)
		}
		out.Steps = append(out.Steps, step)
	}
	if err := s.explainLimits(ctx, &answer, q, now, out); err != nil {
		return err
	}
	out.Verdict = s.verdictToProto(&answer)
	return nil
}

// pastFor shows a kept refusal to who may see it: the key's tenant all of it,
// the API's tenant what was decided about its API.
func (s *Service) pastFor(ctx context.Context, c *Caller, d *decision) (*pb.PastDecision, error) {
	out := &pb.PastDecision{
		DecisionId: d.ID, Time: timeToProto(d.Time), Reason: pb.Verdict_Reason(d.Reason), Message: d.Message,
		Permission: d.Permission, ApiId: d.APIID, ApiTenantId: d.APITenantID,
		Method: d.Method, Host: d.Host, Path: d.Path,
	}
	switch {
	case c.Grant.Reaches(d.TenantID):
		out.TenantId, out.UserId, out.KeyId, out.ClientIp = d.TenantID, d.UserID, d.KeyID, d.ClientIP
	case d.APITenantID != "" && c.Grant.Reaches(d.APITenantID) && aboutAPI(d.Reason):
		out.TenantId = d.TenantID
	default:
		return nil, s.refuse(ctx, *c, methodFrom(ctx), errNotKept)
	}
	return out, nil
}

// aboutAPI tells whether a refusal came from the steps that look at the API.
func aboutAPI(r access.Reason) bool {
	switch r {
	case access.APINotFound, access.APIRetired, access.KeyAPIDenied, access.PermissionDenied, access.RequestMalformed,
		access.SubscriptionRequired, access.SubscriptionPending, access.SubscriptionRejected, access.SubscriptionPaused, access.SubscriptionExpired:
		return true
	default:
		return false
	}
}

func questionOf(d *decision) Question {
	q := Question{Permission: d.Permission, Tenant: d.Tenant, KeyTenant: d.KeyTenant}
	q.ClientIP, _ = netip.ParseAddr(d.ClientIP)
	if d.NamedAPI != nil {
		q.API = *d.NamedAPI
	}
	if d.HTTP {
		q.Call = &access.HTTPCall{Method: d.Method, Host: d.Host, Path: d.Path}
	}
	return q
}

// detail says what a step found, for administrators, and in which record.
func detail(f access.Finding, g *access.Grant, req *access.Request) (text, record string) {
	if g.Key == nil {
		return f.Reason.Entry().Message, ""
	}
	key := "key/" + g.Key.ID
	text = access.Message(access.Verdict{Reason: f.Reason, Missing: f.Missing}, g)
	switch f.Reason {
	case access.TenantSuspended:
		if g.Tenant != nil {
			text += "; its state is " + string(g.Tenant.State)
		}
		return text, "tenant/" + g.Key.TenantID
	case access.InvalidUser:
		state := "missing"
		if g.User != nil {
			state = string(g.User.State)
		}
		return text + "; the user is " + state, "user/" + g.Key.TenantID + "/" + g.Key.UserID
	case access.KeyRevoked:
		if g.Key.RevokeNote != "" {
			text += "; note: " + g.Key.RevokeNote
		}
	case access.ClientIPDenied:
		var allowed []string
		for _, n := range g.Key.AllowedCIDRs {
			allowed = append(allowed, n.String())
		}
		from := "an address that is not known"
		if req.ClientIP.IsValid() {
			from = req.ClientIP.String()
		}
		text = "the call came from " + from + "; allowed are " + strings.Join(allowed, ", ")
	case access.PermissionDenied:
		if f.Missing.From == access.FromRole {
			return text + "; they are " + orNone(g.User.Roles), "user/" + g.Key.TenantID + "/" + g.Key.UserID
		}
		return text + "; they are " + orNone(g.Key.Scopes), key
	case access.RequestMalformed, access.APINotFound:
		return text, ""
	case access.APIRetired:
		if g.Target.API == nil {
			return text, ""
		}
		return text, "api/" + g.Target.API.TenantID + "/" + g.Target.API.ID
	case access.SubscriptionRequired, access.SubscriptionPending, access.SubscriptionRejected, access.SubscriptionPaused, access.SubscriptionExpired:
		for _, sub := range g.Target.Subscriptions {
			record = "subscription/" + sub.ID
			if sub.Reason != "" {
				text += "; reason: " + sub.Reason
			}
		}
		return text, record
	default:
	}
	return text, key
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// cure says what to change, with the names filled in that are known, and who may.
func cure(r access.Reason, g *access.Grant) (command, by string) {
	by = "an administrator of the key's tenant"
	switch {
	case r == access.TenantSuspended:
		by = "the operator: an admin of the tenant \"system\""
	case g.Target.API != nil && aboutAPI(r) && r != access.PermissionDenied && r != access.KeyAPIDenied:
		by = "an administrator of the API's tenant, " + g.Target.API.TenantID
	case r == access.RequestMalformed || r == access.KeyMalformed || r == access.KeyMissing:
		by = "the caller"
	}
	command = r.Entry().Cure
	if g.Key == nil {
		return command, by
	}
	fill := []string{"KEY_ID", g.Key.ID, "--tenant TENANT", "--tenant " + g.Key.TenantID, "tenant get TENANT", "tenant get " + g.Key.TenantID,
		"tenant activate TENANT", "tenant activate " + g.Key.TenantID, "user get USER", "user get " + g.Key.UserID,
		"user activate USER", "user activate " + g.Key.UserID, "--user USER", "--user " + g.Key.UserID}
	if api := g.Target.API; api != nil {
		fill = append(fill, "--api API", "--api "+api.ID, "OWNER", api.TenantID, "api get API --tenant TENANT", "api get "+api.ID+" --tenant "+api.TenantID)
		for _, sub := range g.Target.Subscriptions {
			fill = append(fill, "SUBSCRIPTION_ID", sub.ID)
			break
		}
	}
	return strings.NewReplacer(fill...).Replace(command), by
}
