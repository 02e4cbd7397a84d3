package client

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// importColumns are what a line may say about a key: CSV's columns, and the
// members of a JSON object.
func importColumns() []string {
	return []string{"digest", "secret", "user", "name", "scopes", "cidrs", "labels", "expireTime", "apis", "rateLimits", "quotas"}
}

// setColumn reads what a column says into a key; the message says what is wrong
// with it, and is empty when nothing is. Empty text says nothing.
func setColumn(k *pb.ImportedKey, column, text string) (message string) {
	switch column {
	case "digest":
		k.Digest = text
	case "secret":
		k.Secret = text
	case "user":
		k.UserId = text
	case "name":
		k.DisplayName = text
	case "scopes":
		k.Scopes = separated(text)
	case "cidrs":
		k.AllowedCidrs = separated(text)
	case "apis":
		k.Apis = separated(text)
	case "labels":
		return setLabels(k, text)
	case "expireTime":
		return setExpireTime(k, text)
	case "rateLimits":
		return setRateLimits(k, separated(text))
	case "quotas":
		return setQuotas(k, separated(text))
	}
	return ""
}

func setLabels(k *pb.ImportedKey, text string) (message string) {
	for _, label := range separated(text) {
		name, value, found := strings.Cut(label, "=")
		if _, twice := k.GetLabels()[name]; !found || twice {
			return "must be name=value, several separated by ';', each name once"
		}
		if k.Labels == nil {
			k.Labels = map[string]string{}
		}
		k.Labels[name] = value
	}
	return ""
}

func setExpireTime(k *pb.ImportedKey, text string) (message string) {
	if text == "" {
		return ""
	}
	end, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "must be a time such as 2027-01-01T00:00:00Z"
	}
	k.ExpireTime = timestamppb.New(end)
	return ""
}

// setRateLimits reads rate limits as flags give them.
func setRateLimits(k *pb.ImportedKey, texts []string) (message string) {
	k.RateLimits = nil
	for _, text := range texts {
		var limit RateLimit
		if limit.UnmarshalText([]byte(text)) != nil {
			return "must be as m=10/60s,burst=20, several separated by ';'"
		}
		k.RateLimits = append(k.RateLimits, limit.limit)
	}
	return ""
}

// setQuotas reads quotas as flags give them.
func setQuotas(k *pb.ImportedKey, texts []string) (message string) {
	k.Quotas = nil
	for _, text := range texts {
		var quota Quota
		if quota.UnmarshalText([]byte(text)) != nil {
			return "must be as q=100/DAY,zone=Europe/Berlin, several separated by ';'"
		}
		k.Quotas = append(k.Quotas, quota.quota)
	}
	return ""
}

// separated splits a list; blanks around its elements do not count.
func separated(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// complete finds what a line lacks that every key needs.
func (e *entry) complete() {
	if len(e.faults) > 0 {
		return
	}
	if e.key.GetUserId() == "" {
		e.fault("user", "is required")
	}
	if (e.key.GetDigest() == "") == (e.key.GetSecret() == "") {
		e.fault("digest", "give exactly one of digest and secret")
	}
}

func (e *entry) fault(field, message string) {
	e.faults = append(e.faults, lineFault(e.line, field, message))
}
