package sqlstore

import (
	"testing"

	"github.com/keystile/keystile/storage"
)

// TestSpoiltFieldsRefuseTheirRecordAlone spoils each field that can be.
func TestSpoiltFieldsRefuseTheirRecordAlone(t *testing.T) {
	migrated(t, func(t *testing.T, s *Store) {
		for _, set := range append([]string{
			"scopes = '{}'", "scopes = '[1]'", "scopes = 'null'", "scopes = ''", "scopes = '[\"a\"'",
			"allowed_cidrs = 'null'", "allowed_cidrs = '[null]'", "allowed_cidrs = '[\"10.0.0.1\"]'", "allowed_cidrs = '[\"x/8\"]'",
			"labels = '[]'", "labels = 'null'", "labels = '{\"a\":1}'",
			"apis = ''", "apis = 'null'", "apis = '[null]'", "apis = '[{}]'", "apis = '[\"orders\"]'", "apis = '[{\"tenantId\":\"acme\"}]'",
			"apis = '[{\"tenantId\":\"acme\",\"id\":\"orders\",\"methods\":[\"GET\"]}]'", "apis = '[] []'",
			"state = 'active'", "state = 'PAUSED'", "revoke_reason = 'BORED'",
		}, spoiltLimits()...) {
			addKeys(t, s, "good", "bad")
			execute(t, s, "UPDATE keys SET "+set+" WHERE id = 'bad'")
			records, _, _, err := storage.Whole(t.Context(), s)
			if err != nil || records.Unreadable != 1 || len(records.Keys) != 2 {
				t.Errorf("%s: got %d keys, %d unreadable, %v", set, len(records.Keys), records.Unreadable, err)
			}
			for _, k := range records.Keys {
				want := storage.KeyActive
				if k.ID == "bad" {
					want = ""
				}
				if k.State != want || len(k.Secrets) != 1 {
					t.Errorf("%s: key %s has state %q and %d secrets", set, k.ID, k.State, len(k.Secrets))
				}
			}
			execute(t, s, "DELETE FROM key_secrets")
			execute(t, s, "DELETE FROM keys")
		}
		for _, set := range append([]string{"kind = 'ROBOT'", "state = 'GONE'", "roles = 'admin'", "roles = 'null'"}, spoiltLimits()...) {
			execute(t, s, "UPDATE users SET kind = 'PERSON', state = 'ACTIVE', roles = '[]', limits = '{}'")
			execute(t, s, "UPDATE users SET "+set)
			u, err := s.GetUser(t.Context(), storage.UserRef{TenantID: "acme", ID: "ada"})
			if err != nil || u.State != "" || len(u.Roles) != 0 {
				t.Errorf("%s: got %+v, %v", set, u, err)
			}
		}
		for _, set := range append([]string{
			"state = 'LOST'", "hosts = 'null'", "hosts = '[1]'", "hosts = '{}'", "key_policy = 'null'", "key_policy = ''", "key_policy = '[]'",
			"key_policy = '{\"maxLifetime\":\"1h\"}'", "key_policy = '{\"ofANewerRelease\":1}'", "key_policy = '{}{}'",
		}, spoiltLimits()...) {
			execute(t, s, "UPDATE tenants SET state = 'ACTIVE', hosts = '[]', key_policy = '{}', limits = '{}'")
			execute(t, s, "UPDATE tenants SET "+set)
			if tenant, err := s.GetTenant(t.Context(), "acme"); err != nil || tenant.State != "" {
				t.Errorf("tenant, %s: got %+v, %v", set, tenant, err)
			}
		}
		execute(t, s, "INSERT INTO apis ("+apiColumns+") VALUES ('acme', 'orders', '', 'PUBLIC', 'PUBLISHED', NULL, NULL, 0, 0, '[]', '{}', 1, 0, 0)")
		for _, set := range append([]string{
			"state = 'LOST'", "visibility = 'public'", "routes = 'null'", "routes = '{}'", "routes = '[null]'", "routes = '[{}]'",
			"routes = '[{\"hosts\":[\"*\"],\"path\":\"/\"}]'", "routes = '[{\"hosts\":[\"*\"],\"methods\":null,\"path\":\"/\"}]'",
			"routes = '[{\"hosts\":[\"*\"],\"methods\":[\"*\"],\"path\":\"/\",\"clients\":[]}]'", "routes = '[]x'",
			"routes = '[{\"hosts\":[],\"methods\":[],\"path\":\"/\",\"limits\":{\"quotas\":[{}]}}]'",
			"routes = '[{\"hosts\":[],\"methods\":[],\"path\":\"/\",\"limits\":{\"budgets\":[]}}]'",
		}, spoiltLimits()...) {
			execute(t, s, "UPDATE apis SET visibility = 'PUBLIC', state = 'PUBLISHED', routes = '[]', limits = '{}'")
			execute(t, s, "UPDATE apis SET "+set)
			api, err := s.GetAPI(t.Context(), storage.APIRef{TenantID: "acme", ID: "orders"})
			if err != nil || api.State != "" || len(api.Routes) != 0 {
				t.Errorf("API, %s: got %+v, %v", set, api, err)
			}
		}
		execute(t, s, "INSERT INTO subscriptions ("+subscriptionColumns+
			") VALUES ('sub', 'acme', NULL, 'acme', 'orders', 'WISHED', '', '', '', NULL, 1, 0, 0)")
		if sub, err := s.GetSubscription(t.Context(), "sub"); err != nil || sub.State != "" {
			t.Errorf("subscription: got %+v, %v", sub, err)
		}
		execute(t, s, "INSERT INTO plans ("+planColumns+") VALUES ('acme', 'gold', '', '{}', 1, 0, 0)")
		for _, set := range spoiltLimits() {
			execute(t, s, "UPDATE plans SET "+set)
			plan, err := s.GetPlan(t.Context(), storage.PlanRef{TenantID: "acme", ID: "gold"})
			if refusing := storage.UnreadableLimits(); err != nil || !plan.Limits.Equal(&refusing) {
				t.Errorf("plan, %s: got %+v, %v", set, plan, err)
			}
		}
		execute(t, s, "INSERT INTO roles ("+roleColumns+") VALUES ('acme', 'reader', '', '{\"*\":1}', 1, 0, 0)")
		roles, err := s.GetRoles(t.Context(), "acme", []string{"reader"})
		if err != nil || len(roles) != 1 || len(roles[0].Permissions) != 0 {
			t.Errorf("role: got %+v, %v", roles, err)
		}
	})
}

// spoiltLimits are limits that can't be counted with.
func spoiltLimits() (sets []string) {
	for _, limits := range []string{
		``, `null`, `[]`, `{}{}`, `{"rateLimits":{}}`, `{"budgets":[]}`, `{"rateLimits":[null]}`, `{"rateLimits":[{}]}`, `{"quotas":[{}]}`,
		`{"rateLimits":[{"name":"m","requests":0,"period":1}]}`, `{"rateLimits":[{"name":"m","requests":1}]}`,
		`{"rateLimits":[{"name":"m","requests":1,"period":"60s"}]}`, `{"rateLimits":[{"name":"m","requests":1,"period":1,"burst":-1}]}`,
		`{"rateLimits":[{"name":"m","requests":1,"period":1,"jitter":1}]}`, `{"rateLimits":[{"requests":1,"period":1}]}`,
		`{"quotas":[{"name":"q","limit":1}]}`, `{"quotas":[{"name":"q","limit":1,"period":"WEEK"}]}`,
		`{"quotas":[{"name":"q","limit":-1,"period":"DAY"}]}`, `{"quotas":[{"name":"q","limit":1,"period":"DAY","refill":"LEND"}]}`,
		`{"rateLimits":[{"name":"m","requests":1,"period":1}],"quotas":[{"name":"m","limit":1,"period":"DAY"}]}`,
	} {
		sets = append(sets, "limits = '"+limits+"'")
	}
	return sets
}
