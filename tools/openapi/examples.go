package main

// requestExamples are bodies by operation, as a newcomer would write them.
func requestExamples() map[string]string {
	return map[string]string{
		"checkKey":  `{"key":"ks_...","permission":"orders.read","clientIp":"203.0.113.7","cost":1}`,
		"checkKeys": `{"checks":[{"key":"ks_...","permission":"orders.read"},{"key":"ks_...","permission":"orders.write","cost":0}]}`,
		"createKey": `{"key":{"tenantId":"acme","userId":"ada","displayName":"ci","scopes":["orders.read"],"allowedCidrs":["203.0.113.0/24"],` +
			`"labels":{"team":"shop"},"expireTime":"2030-01-01T00:00:00Z"},"requestId":"7d1f0c2e"}`,
		"updateKey":    `{"key":{"displayName":"ci on main"},"updateMask":"displayName"}`,
		"rotateKey":    `{"gracePeriod":"3600s"}`,
		"revokeKey":    `{"reason":"KEY_COMPROMISE","note":"found in a public repository"}`,
		"disableKey":   `{}`,
		"enableKey":    `{}`,
		"manageKey":    `{"rotate":{"id":"key_0123456789abcdefghjkmnpqrs","gracePeriod":"0s"}}`,
		"createTenant": `{"tenant":{"id":"acme","displayName":"Acme"}}`,
		"createUser":   `{"user":{"id":"ada","tenantId":"acme","kind":"PERSON","roles":["developer"]}}`,
	}
}

// answerExamples are answers by operation.
func answerExamples() map[string]string {
	return map[string]string{
		"checkKey": `{"allowed":false,"reason":"KEY_EXPIRED","message":"the key has expired","remedy":"Issue a new key, or extend this one before it ends.",` +
			`"documentationUrl":"","decisionId":"dec_0123456789abcdefghjkmnpqrs",` +
			`"identity":{"tenantId":"acme","userId":"ada","keyId":"key_0123456789abcdefghjkmnpqrs","displayName":"","roles":[],"permissions":[],"labels":{}},` +
			`"warnings":[],"expireTime":"2030-01-01T00:00:00Z","freshness":{"age":"0.4s","revision":"17"},"missingPermission":"","missingFrom":""}`,
	}
}
