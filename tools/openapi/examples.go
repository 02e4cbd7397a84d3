package main

import "encoding/json"

// example is one body under a short name, which shows only where an operation
// has several.
type example struct{ name, text string }

// only is an operation's single example.
func only(text string) []example { return []example{{"only", text}} }

// addExamples gives a body's description its examples.
func addExamples(media *object, list []example) {
	if len(list) == 1 {
		media.set("example", json.RawMessage(list[0].text))
		return
	}
	for _, e := range list {
		media.child("examples").set(e.name, obj("value", json.RawMessage(e.text)))
	}
}

// requestExamples are bodies by operation, as a newcomer would write them.
func requestExamples() map[string][]example {
	all := map[string][]example{}
	for _, group := range []map[string][]example{keyExamples(), directoryExamples(), apiExamples()} {
		for id, list := range group {
			all[id] = list
		}
	}
	return all
}

func keyExamples() map[string][]example {
	return map[string][]example{
		"checkKey": {
			{"byPermission", `{"key":"ks_...","permission":"orders.read","clientIp":"203.0.113.7","cost":1}`},
			{"byRequest", `{"key":"ks_...","request":{"method":"GET","host":"api.acme.test","path":"/orders/7?x=1","clientIp":"203.0.113.7"}}`},
			{"byApi", `{"key":"ks_...","apiId":"orders","apiTenantId":"acme","permission":"orders.read"}`},
		},
		"checkKeys": only(`{"checks":[{"key":"ks_...","permission":"orders.read"},{"key":"ks_...","permission":"orders.write","cost":0}]}`),
		"explain": {
			{"byKeyId", `{"keyId":"key_0123456789abcdefghjkmnpqrs","check":{"permission":"orders.write"}}`},
			{"byRequest", `{"keyId":"key_0123456789abcdefghjkmnpqrs","check":{"request":{"method":"GET","host":"api.acme.test","path":"/orders/7"}}}`},
			{"byDecisionId", `{"decisionId":"dec_0123456789abcdefghjkmnpqrs"}`},
		},
		"createKey": only(`{"key":{"tenantId":"acme","userId":"ada","displayName":"ci","scopes":["orders.read"],"allowedCidrs":["203.0.113.0/24"],` +
			`"labels":{"team":"shop"},"expireTime":"2030-01-01T00:00:00Z","apis":["orders"]},"requestId":"7d1f0c2e"}`),
		"updateKey": {
			{"name", `{"key":{"displayName":"ci on main"},"updateMask":"displayName"}`},
			{"limits", `{"key":{"rateLimits":[{"name":"m","requests":10,"period":"60s","burst":10}],"quotas":[{"name":"q","limit":"100","period":"DAY"}]},` +
				`"updateMask":"rateLimits,quotas"}`},
		},
		"rotateKey":  only(`{"gracePeriod":"3600s"}`),
		"revokeKey":  only(`{"reason":"KEY_COMPROMISE","note":"found in a public repository"}`),
		"disableKey": only(`{}`),
		"enableKey":  only(`{}`),
		"manageKey":  only(`{"rotate":{"id":"key_0123456789abcdefghjkmnpqrs","gracePeriod":"0s"}}`),
		"importKeys": only(`{"tenantId":"acme","keys":[` +
			`{"digest":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","userId":"ada","displayName":"old ci","scopes":["orders.read"],` +
			`"labels":{"team":"shop"},"expireTime":"2030-01-01T00:00:00Z"},` +
			`{"secret":"legacy-...","userId":"bo"}],"requestId":"7d1f0c2e","validateOnly":true}`),
		"resetKeyLimits":  only(`{"requestId":"7d1f0c2e"}`),
		"grantKeyCredits": only(`{"quota":"q","credits":"500","note":"invoice 4711","requestId":"7d1f0c2e"}`),
		"revokeSelf":      only(`{"reason":"KEY_COMPROMISE","note":"pasted into a chat"}`),
	}
}

// answerExamples are answers by operation.
func answerExamples() map[string][]example {
	return map[string][]example{
		"checkKey": {
			{"expired", `{"allowed":false,"reason":"KEY_EXPIRED","message":"the key has expired","remedy":"Issue a new key, or extend this one before it ends.",` +
				`"documentationUrl":"","decisionId":"dec_0123456789abcdefghjkmnpqrs",` +
				`"identity":{"tenantId":"acme","userId":"ada","keyId":"key_0123456789abcdefghjkmnpqrs","displayName":"","roles":[],"permissions":[],"labels":{}},` +
				`"warnings":[],"expireTime":"2030-01-01T00:00:00Z","freshness":{"age":"0.4s","revision":"17","stale":false},"missingPermission":"","missingFrom":"",` +
				`"apiId":"","apiTenantId":"","routePath":"","pathParameters":{},"limit":null}`},
			{"allowed", `{"allowed":true,"reason":"ALLOWED","message":"the call may go ahead","remedy":"",` +
				`"documentationUrl":"","decisionId":"dec_0123456789abcdefghjkmnpqrs",` +
				`"identity":{"tenantId":"acme","userId":"ada","keyId":"key_0123456789abcdefghjkmnpqrs","displayName":"Ada","roles":["developer"],` +
				`"permissions":["orders.read"],"labels":{"team":"shop"}},` +
				`"warnings":[],"expireTime":null,"freshness":{"age":"0.4s","revision":"17","stale":false},"missingPermission":"","missingFrom":"",` +
				`"apiId":"orders","apiTenantId":"acme","routePath":"/orders/{id}","pathParameters":{"id":"7"},` +
				`"limit":{"name":"minute","subject":"KEY","kind":"RATE","limit":"10","remaining":"9","reset":"6s","retryAfter":null,"degraded":false,` +
				`"period":"60s","requests":"10"}}`},
		},
	}
}
