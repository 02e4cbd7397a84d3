package client

import (
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// keySheet is all there is to know about a key.
func keySheet(k *pb.Key, now time.Time) *sheet {
	s := &sheet{}
	s.add("Id", k.GetId())
	s.add("Tenant", k.GetTenantId())
	s.add("User", k.GetUserId())
	s.add("Name", k.GetDisplayName())
	s.add("State", keyState(k))
	if k.GetState() == pb.Key_REVOKED {
		s.add("Revoked", when(k.GetRevokeTime()))
		s.add("Reason", k.GetRevokeReason().String())
		s.add("Note", k.GetRevokeNote())
	}
	s.add("Scopes", list(k.GetScopes()))
	s.add("APIs", list(k.GetApis()))
	s.add("Networks", list(k.GetAllowedCidrs()))
	s.add("Labels", labels(k.GetLabels()))
	s.addLimits(k)
	s.add("Starts", when(k.GetStartTime()))
	s.add("Expires", until(k.GetExpireTime(), now))
	s.add("Secret", secretHint(k.GetCurrentSecret()))
	s.add("Previous", previousHint(k.GetPreviousSecret(), now))
	s.add("Last used", when(k.GetLastUsedTime()))
	s.add("Created", when(k.GetCreateTime()))
	s.add("Created by", k.GetCreatedBy())
	s.add("Updated", when(k.GetUpdateTime()))
	s.add("Deleted", when(k.GetDeleteTime()))
	s.add("Etag", k.GetEtag())
	return s
}

// keyState is the key's state; a deleted key's is that.
func keyState(k *pb.Key) string {
	if k.GetDeleteTime() != nil {
		return "DELETED"
	}
	return k.GetState().String()
}

// secretHint tells which secret it is without giving it away.
func secretHint(i *pb.SecretInfo) string {
	switch {
	case i == nil:
		return ""
	case i.GetPrefix() == "":
		return "..." + i.GetLastFour()
	}
	return i.GetPrefix() + "_..." + i.GetLastFour()
}

func previousHint(i *pb.SecretInfo, now time.Time) string {
	if i == nil {
		return ""
	}
	hint := secretHint(i)
	if end := until(i.GetEndTime(), now); end != "" {
		hint += ", until " + end
	}
	return hint
}
