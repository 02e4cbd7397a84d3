package gateway

import "github.com/keystile/keystile/server/access"

// mostFacts is how many facts of a call there are at the most.
const mostFacts = 8

// factsOf adds what Envoy's access log and its later filters are told of a call. Of a
// refused call that is ids alone, and none when the key is not known.
func factsOf(r *Reply, facts []entry) []entry {
	facts = append(facts, entry{"reason", r.Verdict.Reason.String()}, entry{"decision_id", r.DecisionID})
	if r.Grant == nil || !r.Verdict.Reason.Identified() {
		return facts
	}
	if key := r.Grant.Key; key != nil {
		facts = append(facts, entry{"tenant", key.TenantID}, entry{"user", key.UserID}, entry{"key_id", key.ID})
	}
	if api := r.Grant.Target.API; api != nil && r.Verdict.Reason != access.RequestMalformed {
		facts = append(facts, entry{"api_tenant", api.TenantID}, entry{"api", api.ID}, entry{"route", r.Grant.Target.Pattern})
	}
	return facts
}

// metadata writes facts as dynamic_metadata, a google.protobuf.Struct.
func (d *draft) metadata(facts []entry) {
	metadata := d.begin(4)
	for i := range facts {
		field := d.begin(1)
		d.text(1, facts[i].name)
		value := d.begin(2)
		d.text(3, facts[i].value)
		d.end(value)
		d.end(field)
	}
	d.end(metadata)
}

// What a header or a fact takes beside its texts, and an answer beside its headers,
// at the most if none of the texts is very long.
const (
	headerRoom = 20
	factRoom   = 16
	answerRoom = 128
)

// sizeOf tells how much room facts and headers take, but for the headers' names.
func sizeOf(facts []entry, headers *[6]Header) int {
	size := 0
	for i := range facts {
		size += factRoom + len(facts[i].name) + len(facts[i].value)
	}
	if headers != nil {
		for i := range headers {
			size += len(headers[i].Value)
		}
	}
	return size
}
