package server

import (
	"context"

	"github.com/keystile/keystile/server/gateway"
	"github.com/keystile/keystile/server/plainhttp"
)

// Answer answers one question that plainhttp has read. Nobody shows certificates
// there, as it reads no TLS.
func (g *GatewayDoors) Answer(ctx context.Context, r *plainhttp.Request, a *plainhttp.Answer) {
	q := gateway.Question{Method: r.Method, Target: r.Target, Host: r.Host, Headers: r, Peer: r.Peer}
	told := gateway.HTTPAnswer{Headers: a.Fields}
	g.Ask(ctx, &q, &told)
	a.Status, a.Fields, a.Body = told.StatusCode(), told.Headers, told.Body
}
