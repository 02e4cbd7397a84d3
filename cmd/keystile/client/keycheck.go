package client

import (
	"context"
	"strings"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// KeyCheck asks about a secret.
type KeyCheck struct {
	SecretFile string `type:"path" placeholder:"FILE" help:"Read the secret to check from FILE; - is stdin. Otherwise it is KEYSTILE_CHECK_SECRET, or asked for."`
	Permission string `placeholder:"PERMISSION" help:"The permission that the call needs. Default: ask only whether the key is good."`
	ClientIP   string `name:"client-ip" placeholder:"ADDRESS" help:"The address of the client that presented the key."`
	Cost       *int32 `placeholder:"N" help:"What the call costs against limits; 0 only looks. Default: 1."`
	KeyTenant  string `placeholder:"TENANT" help:"Accept the keys of this tenant only."`
}

const envCheckSecret = "KEYSTILE_CHECK_SECRET"

// Help shows how it is used.
func (*KeyCheck) Help() string {
	return `The secret is never an argument: other users of this machine can read a command line.

Examples:

    keystile key check --permission orders.read
    keystile key check --secret-file ./ci.key --client-ip 203.0.113.7
    printf %s "$SECRET" | keystile key check --secret-file - -o json

` + ExitCodesHelp()
}

// Run asks, and prints the verdict. A refusal is the exit code's business.
func (c *KeyCheck) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		secret, err := c.secret(t)
		if err != nil {
			return err
		}
		res, err := s.keys.CheckKey(ctx, &pb.CheckKeyRequest{
			Key: secret, Permission: c.Permission, ClientIp: c.ClientIP, Cost: c.Cost, KeyTenant: c.KeyTenant,
		})
		if err != nil {
			return failureOf(err)
		}
		if err := s.print(res, verdictSheet(res)); err != nil {
			return err
		}
		if !res.GetAllowed() {
			return answered(exitRefused, res.GetReason().String(), res.GetMessage())
		}
		return nil
	})
}

// secret finds the secret that is to be checked.
func (c *KeyCheck) secret(t *Terminal) (string, error) {
	if c.SecretFile != "" {
		secret, err := readSecretFile(c.SecretFile, t)
		if err != nil {
			return "", usagef("--secret-file: %w", err)
		}
		return secret, nil
	}
	if secret := t.Getenv(envCheckSecret); secret != "" {
		return trimNewlines(secret), nil
	}
	if t.Prompt == nil {
		return "", usagef("no secret to check: give --secret-file FILE (- is stdin) or %s", envCheckSecret)
	}
	secret, err := t.Prompt("Secret to check: ")
	if err != nil {
		return "", unexpectedf("%w", err)
	}
	return trimNewlines(secret), nil
}

// verdictSheet is a verdict for people.
func verdictSheet(v *pb.CheckKeyResponse) *sheet {
	s := &sheet{}
	answer := "no"
	if v.GetAllowed() {
		answer = "yes"
	}
	s.add("Allowed", answer)
	s.add("Reason", v.GetReason().String())
	s.add("Message", v.GetMessage())
	s.add("Missing", v.GetMissingPermission())
	s.add("Missing from", v.GetMissingFrom())
	s.add("Remedy", v.GetRemedy())
	s.add("Docs", v.GetDocumentationUrl())
	for _, w := range v.GetWarnings() {
		text := w.GetMessage()
		if by := when(w.GetTime()); !strings.Contains(text, by) {
			text += " (" + by + ")"
		}
		s.add("Warning", text)
	}
	who := v.GetIdentity()
	s.add("Tenant", who.GetTenantId())
	s.add("User", who.GetUserId())
	s.add("User's name", who.GetDisplayName())
	s.add("Key", who.GetKeyId())
	s.add("Roles", list(who.GetRoles()))
	s.add("Permissions", list(who.GetPermissions()))
	s.add("Labels", labels(who.GetLabels()))
	s.add("Expires", when(v.GetExpireTime()))
	if v.GetFreshness() != nil {
		s.add("Data age", v.GetFreshness().GetAge().AsDuration().String())
	}
	s.add("Decision", v.GetDecisionId())
	return s
}
