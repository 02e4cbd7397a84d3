package main

import "strings"

// tag is a group of calls, as a reader looks for them: by what they are about,
// not by the service that answers.
type tag struct {
	name, about string
	// collections are what the paths of the group begin with, after /v1/.
	collections []string
}

// tags are the groups in the order in which they are shown.
func tags() []tag {
	return []tag{
		{"Keys", "Keys: checked on every call, issued, rotated, revoked, imported, explained.", []string{"keys", "whoami"}},
		{"Tenants", "The units of isolation, with their hosts and what their keys must be like.", []string{"tenants"}},
		{"Users", "Whom keys belong to: people and service accounts.", []string{"users"}},
		{"Roles", "Named sets of permissions, which bound what a user's keys may do.", []string{"roles"}},
		{"APIs", "What is protected, and the routes that requests are matched by.", []string{"apis"}},
		{"Plans", "Named sets of limits, which approvers give to subscriptions.", []string{"plans"}},
		{"Subscriptions", "The right to call an API, asked for, approved, and paused.", []string{"subscriptions"}},
		{"Audit", "The tamper-evident trail of what was done and refused.", []string{"auditEvents"}},
	}
}

// tagOf names the group of a path; empty when there is none.
func tagOf(path string) string {
	rest := strings.TrimPrefix(path, "/v1/")
	collection := rest
	if end := strings.IndexAny(rest, "/:"); end >= 0 {
		collection = rest[:end]
	}
	for _, t := range tags() {
		for _, c := range t.collections {
			if c == collection {
				return t.name
			}
		}
	}
	return ""
}
