package client

import (
	pb "github.com/keystile/keystile/api/keystile/v1"
)

// Question is what is asked about a key. Zero asks only whether it is good.
type Question struct {
	Permission string `placeholder:"PERMISSION" group:"Question:" help:"The permission that the call needs. Default: the one of the route, or none."`
	API        string `name:"api" placeholder:"API" group:"Question:" help:"The API that is called: orders, or acme/orders."`
	APITenant  string `name:"api-tenant" placeholder:"TENANT" group:"Question:" help:"Whose API --api is. Default: --tenant's, or else the key's own."`
	Tenant     string `placeholder:"TENANT" group:"Question:" help:"Whose APIs the request is matched against. Default: those of the tenant that the host belongs to."`
	Method     string `placeholder:"METHOD" group:"Question:" help:"The method of the HTTP request that is asked about. Default, with --path: GET."`
	Host       string `placeholder:"HOST" group:"Question:" help:"The host of the request, with or without a port."`
	Path       string `placeholder:"PATH" group:"Question:" help:"The path of the request, as the client sent it."`
	ClientIP   string `name:"client-ip" placeholder:"ADDRESS" group:"Question:" help:"The address of the client that presented the key."`
	KeyTenant  string `placeholder:"TENANT" group:"Question:" help:"Accept the keys of this tenant only."`
}

// asked tells whether any of the flags was given.
func (q *Question) asked() bool { return *q != Question{} }

// request is the question without a key.
func (q *Question) request() (*pb.CheckKeyRequest, error) {
	tenant, api, err := namedAPI(q.API, q.APITenant)
	if err != nil {
		return nil, err
	}
	req := &pb.CheckKeyRequest{
		Permission: q.Permission, ApiId: api, ApiTenantId: tenant, Tenant: q.Tenant, ClientIp: q.ClientIP, KeyTenant: q.KeyTenant,
	}
	if q.Method == "" && q.Host == "" && q.Path == "" {
		return req, nil
	}
	if q.Path == "" {
		return nil, usagef("--path: a request has one; give / for the root")
	}
	method := q.Method
	if method == "" {
		method = "GET"
	}
	req.Request = &pb.HTTPRequest{Method: method, Host: q.Host, Path: q.Path}
	return req, nil
}

const envCheckSecret = "KEYSTILE_CHECK_SECRET"

// presented finds the secret that is asked about: in a file, in the
// environment, or by asking the person.
func presented(file string, t *Terminal) (string, error) {
	if file != "" {
		secret, err := readSecretFile(file, t)
		if err != nil {
			return "", usagef("--secret-file: %w", err)
		}
		return secret, nil
	}
	if secret := t.Getenv(envCheckSecret); secret != "" {
		return trimNewlines(secret), nil
	}
	if t.Prompt == nil {
		return "", usagef("no secret to ask about: give --secret-file FILE (- is stdin) or %s", envCheckSecret)
	}
	secret, err := t.Prompt("Secret to ask about: ")
	if err != nil {
		return "", unexpectedf("%w", err)
	}
	return trimNewlines(secret), nil
}
