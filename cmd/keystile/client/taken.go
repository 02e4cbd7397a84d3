package client

import (
	"strconv"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// taken says what a deletion took along; empty when it was nothing.
func taken(c *pb.Cascade) string {
	var parts []string
	for _, part := range []struct {
		n         int64
		one, many string
	}{
		{c.GetUsers(), "user", "users"},
		{c.GetKeys(), "key", "keys"},
		{c.GetRoles(), "role", "roles"},
		{c.GetApis(), "API", "APIs"},
		{c.GetSubscriptions(), "subscription", "subscriptions"},
		{c.GetPlans(), "plan", "plans"},
	} {
		switch {
		case part.n == 1:
			parts = append(parts, "1 "+part.one)
		case part.n > 1:
			parts = append(parts, strconv.FormatInt(part.n, 10)+" "+part.many)
		}
	}
	return list(parts)
}
