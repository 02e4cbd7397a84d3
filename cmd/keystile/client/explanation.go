package client

import (
	"fmt"
	"strings"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// explanation is an explained decision for people: what was decided then, where
// that is asked, the steps, and in the end what is to be done by whom.
func explanation(res *pb.ExplainResponse) fmt.Stringer {
	var out parts
	if past := res.GetPast(); past != nil {
		out = append(out, pastSheet(past), line(""))
		if res.GetVerdict() == nil {
			return append(out, line("The key is another tenant's: its administrators can have it explained step by step."))
		}
		out = append(out, line("As things stand now:"), line(""))
	}
	out = append(out, stepTable(res.GetSteps()), line(""))
	if len(res.GetLimits()) > 0 {
		out = append(out, limitTable(res.GetLimits()), line(""))
	}
	return append(out, conclusion(res))
}

func pastSheet(p *pb.PastDecision) *sheet {
	s := &sheet{}
	s.add("Decision", p.GetDecisionId())
	s.add("Made", when(p.GetTime()))
	s.add("Reason", p.GetReason().String())
	s.add("Message", p.GetMessage())
	s.add("Tenant", p.GetTenantId())
	s.add("User", p.GetUserId())
	s.add("Key", p.GetKeyId())
	s.add("Permission", p.GetPermission())
	s.add("API", path(p.GetApiTenantId(), p.GetApiId()))
	if p.GetMethod() != "" || p.GetPath() != "" {
		s.add("Request", p.GetMethod()+" "+p.GetHost()+p.GetPath())
	}
	s.add("Client", p.GetClientIp())
	return s
}

// stepTable has a line for each step: whether it passed, and what was found
// where it did not.
func stepTable(steps []*pb.ExplainStep) *table {
	out := &table{{" ", "STEP", "OUTCOME", "RECORD", "FOUND"}}
	for _, step := range steps {
		mark, outcome := "?", step.GetOutcome().String()
		switch step.GetOutcome() {
		case pb.ExplainStep_PASSED:
			mark, outcome = "✓", "passed"
		case pb.ExplainStep_FAILED:
			mark, outcome = "✗", step.GetReason().String()
		case pb.ExplainStep_NOT_ASKED:
			mark, outcome = "–", "not asked"
		case pb.ExplainStep_NOT_REACHED:
			mark, outcome = "–", "not reached"
		case pb.ExplainStep_OUTCOME_UNSPECIFIED:
		}
		*out = append(*out, []string{mark, step.GetName(), outcome, step.GetRecord(), step.GetDetail()})
	}
	return out
}

// conclusion is what the decision comes to: the step that decided, the cause,
// the cure and who may apply it; then what would refuse once that is cured.
func conclusion(res *pb.ExplainResponse) *sheet {
	s := &sheet{}
	if res.GetVerdict().GetAllowed() {
		s.add("Allowed", "yes")
		s.addWarnings(res.GetVerdict().GetWarnings())
		return s
	}
	s.add("Allowed", "no")
	var later []string
	for _, step := range res.GetSteps() {
		switch {
		case step.GetDecisive():
			s.add("Refused by", step.GetName()+" ("+step.GetReason().String()+")")
			s.add("Cause", step.GetDetail())
			for i, command := range strings.Split(step.GetCure(), "\n") {
				// A cure of several commands goes on below the first.
				name := "Cure"
				if i > 0 {
					name = ""
				}
				s.add(name, command)
			}
			s.add("Cured by", step.GetCuredBy())
		case step.GetOutcome() == pb.ExplainStep_FAILED:
			later = append(later, step.GetName()+" ("+step.GetReason().String()+")")
		}
	}
	s.add("Docs", res.GetVerdict().GetDocumentationUrl())
	s.add("Then refused by", list(later))
	return s
}
