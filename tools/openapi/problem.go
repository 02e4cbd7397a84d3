package main

// addProblem adds the schemas of errors, which are no messages of the protos.
func addProblem(schemas *object) {
	text := func(about string) *object { return obj("type", "string", "description", about) }
	schemas.set("Problem", obj(
		"type", "object",
		"description", "An error, as in RFC 9457.",
		"properties", obj(
			"type", text("A link to the reason's cause and cure, or about:blank."),
			"title", text("The HTTP status in words."),
			"status", obj("type", "integer", "description", "The HTTP status."),
			"detail", text("What happened, in one line."),
			"reason", text("A stable name to program against, such as KEY_EXPIRED."),
			"remedy", text("What to do about it, in one line."),
			"requestId", text("The name of this call in logs."),
			"decisionId", text("The name of the decision that refused the caller."),
			"errors", obj(
				"type", "array",
				"description", "What is wrong with the request, field by field; never with the values.",
				"items", ref("ProblemField"),
			),
		),
		"required", []string{"type", "title", "status", "detail", "reason"},
	))
	schemas.set("ProblemField", obj(
		"type", "object",
		"description", "What is wrong with one field.",
		"properties", obj(
			"field", text("The field's path in the request's JSON, such as key.allowedCidrs[2], or a parameter's name."),
			"message", text("What it must be."),
		),
		"required", []string{"field", "message"},
	))
}

// problemAnswers are the answers that carry a Problem.
func problemAnswers() *object {
	retry := obj("Retry-After", obj("description", "Seconds until trying again makes sense.", "schema", obj("type", "integer")))
	challenge := obj("WWW-Authenticate", obj("description", "Bearer realm=\"keystile\"", "schema", obj("type", "string")))
	answers := obj()
	for _, a := range []struct {
		code, about string
		headers     *object
	}{
		{"400", "The request can't be read, or a field of it is wrong: see errors.", nil},
		{"401", "No key, or none that is good.", challenge},
		{"403", "The key may not do this.", nil},
		{"404", "There is no such record, or none that the caller may know of.", nil},
		{"409", "The record exists already, or has changed: its etag is another.", nil},
		{"413", "The body is larger than 1 MiB, or than 8 MiB for an import.", nil},
		{"429", "Too many calls, or a quota is used up.", retry},
		{"503", "Nothing could be decided, because the store is out of reach. This is never a refusal.", retry},
		{"", "Any other error.", nil},
	} {
		headers := requestIDHeader()
		if a.headers != nil {
			for _, name := range a.headers.names {
				headers.set(name, a.headers.values[name])
			}
		}
		answers.set("Problem"+a.code, obj(
			"description", a.about,
			"headers", headers,
			"content", obj("application/problem+json", obj("schema", ref("Problem"))),
		))
	}
	return answers
}
