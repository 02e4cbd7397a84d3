package main

// directoryExamples are bodies about tenants, users and roles.
func directoryExamples() map[string][]example {
	return map[string][]example{
		"createTenant": only(`{"tenant":{"id":"acme","displayName":"Acme","hosts":["api.acme.test"]}}`),
		"updateTenant": {
			{"policy", `{"tenant":{"keyPolicy":{"maxLifetime":"7776000s","defaultLifetime":"2592000s","expiryRequired":true,"allowedPrefixes":["ks"],` +
				`"maxKeysPerUser":10,"requiredLabels":["team"]}},"updateMask":"keyPolicy"}`},
			{"limits", `{"tenant":{"rateLimits":[{"name":"second","requests":1000,"period":"1s"}]},"updateMask":"rateLimits"}`},
			{"hosts", `{"tenant":{"hosts":["api.acme.test","*.apis.acme.test"]},"updateMask":"hosts"}`},
		},
		"suspendTenant":  only(`{}`),
		"activateTenant": only(`{}`),
		"purgeDeleted":   only(`{"retention":"2592000s","validateOnly":true}`),
		"createUser":     only(`{"user":{"id":"ada","tenantId":"acme","kind":"PERSON","roles":["developer"]}}`),
		"updateUser":     only(`{"user":{"tenantId":"acme","displayName":"Ada","roles":["developer","reports"]},"updateMask":"displayName,roles"}`),
		"suspendUser":    only(`{"tenantId":"acme"}`),
		"activateUser":   only(`{"tenantId":"acme"}`),
		"createRole":     only(`{"role":{"id":"reports","tenantId":"acme","displayName":"Reports","permissions":["orders.read","invoices.*"]}}`),
		"updateRole":     only(`{"role":{"tenantId":"acme","permissions":["orders.read"]},"updateMask":"permissions"}`),
	}
}

// apiExamples are bodies about APIs, plans and subscriptions.
func apiExamples() map[string][]example {
	return map[string][]example{
		"createApi": only(`{"api":{"id":"orders","tenantId":"acme","displayName":"Orders","visibility":"PRIVATE","subscriptionRequired":true,"routes":[` +
			`{"hosts":["api.acme.test"],"methods":["GET"],"path":"/orders/{id}","permission":"orders.read"},` +
			`{"hosts":["api.acme.test"],"methods":["*"],"path":"/orders/**"}]},"requestId":"7d1f0c2e"}`),
		"updateApi":    only(`{"api":{"tenantId":"acme","visibility":"PUBLIC"},"updateMask":"visibility"}`),
		"deprecateApi": only(`{"tenantId":"acme","sunsetTime":"2030-01-01T00:00:00Z"}`),
		"retireApi":    only(`{"tenantId":"acme"}`),
		"createPlan": only(`{"plan":{"id":"gold","tenantId":"acme","displayName":"Gold","rateLimits":[{"name":"minute","requests":600,"period":"60s"}],` +
			`"quotas":[{"name":"month","limit":"1000000","period":"MONTH","timeZone":"Europe/Berlin"}]}}`),
		"updatePlan": only(`{"plan":{"tenantId":"acme","rateLimits":[{"name":"minute","requests":1200,"period":"60s","burst":200}]},"updateMask":"rateLimits"}`),
		"createSubscription": only(`{"subscription":{"tenantId":"beta","userId":"bo","apiId":"orders","apiTenantId":"acme",` +
			`"note":"to show orders in the shop"},"requestId":"7d1f0c2e"}`),
		"updateSubscription":  only(`{"subscription":{"note":"to show orders in the shop and in the app"},"updateMask":"note"}`),
		"approveSubscription": only(`{"plan":"gold","expireTime":"2030-01-01T00:00:00Z"}`),
		"rejectSubscription":  only(`{"reason":"ask for the read-only API instead"}`),
		"pauseSubscription":   only(`{"reason":"too many calls at night"}`),
		"resumeSubscription":  only(`{}`),
	}
}
