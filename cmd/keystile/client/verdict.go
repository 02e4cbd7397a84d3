package client

import (
	"strings"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// verdictSheet is a verdict for people.
func verdictSheet(v *pb.CheckKeyResponse) *sheet {
	s := &sheet{}
	answer := "no"
	if v.GetAllowed() {
		answer = "yes"
	}
	s.add("Allowed", answer)
	s.add("Reason", v.GetReason().String())
	s.add("Message", v.GetMessage())
	s.add("Missing", v.GetMissingPermission())
	s.add("Missing from", v.GetMissingFrom())
	s.add("Limit", limitLine(v.GetLimit()))
	s.add("Remedy", v.GetRemedy())
	s.add("Docs", v.GetDocumentationUrl())
	s.addWarnings(v.GetWarnings())
	s.addIdentity(v.GetIdentity())
	s.add("API", path(v.GetApiTenantId(), v.GetApiId()))
	s.add("Route", v.GetRoutePath())
	s.add("Path holds", labels(v.GetPathParameters()))
	s.add("Expires", when(v.GetExpireTime()))
	if v.GetFreshness() != nil {
		s.add("Data age", v.GetFreshness().GetAge().AsDuration().String())
	}
	s.add("Decision", v.GetDecisionId())
	return s
}

func (s *sheet) addWarnings(warnings []*pb.Warning) {
	for _, w := range warnings {
		text := w.GetMessage()
		if by := when(w.GetTime()); !strings.Contains(text, by) {
			text += " (" + by + ")"
		}
		s.add("Warning", text)
	}
}

func (s *sheet) addIdentity(who *pb.Identity) {
	s.add("Tenant", who.GetTenantId())
	s.add("User", who.GetUserId())
	s.add("User's name", who.GetDisplayName())
	s.add("Key", who.GetKeyId())
	s.add("Roles", list(who.GetRoles()))
	s.add("Permissions", list(who.GetPermissions()))
	s.add("Labels", labels(who.GetLabels()))
}
