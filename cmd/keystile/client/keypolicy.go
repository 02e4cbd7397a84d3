package client

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// KeyPolicyFlags say what a tenant's keys must be like. Nil and empty say
// nothing.
type KeyPolicyFlags struct {
	MaxKeyLifetime       *Span    `placeholder:"SPAN" group:"Key policy:" help:"The longest time from now to a key's end, such as 90d; every key then needs an end. 0s for no bound."`
	DefaultKeyLifetime   *Span    `placeholder:"SPAN" group:"Key policy:" help:"How long a key lives that is created without an end. 0s for no such default."`
	RequireExpiry        *bool    `negatable:"" group:"Key policy:" help:"Refuse keys without an end, or no longer."`
	AllowedPrefixes      []string `name:"allowed-prefix" sep:"none" xor:"prefixes" placeholder:"PREFIX" group:"Key policy:" help:"What secrets may begin with. May be given again; together they take the place of all there were."`
	ClearAllowedPrefixes bool     `xor:"prefixes" group:"Key policy:" help:"Let secrets begin with any prefix."`
	MaxKeysPerUser       *int32   `placeholder:"N" group:"Key policy:" help:"The most usable keys of one user; 0 for no bound."`
	RequiredLabels       []string `name:"required-label" sep:"none" xor:"required" placeholder:"NAME" group:"Key policy:" help:"A label that each key must carry. May be given again; together they take the place of all there were."`
	ClearRequiredLabels  bool     `xor:"required" group:"Key policy:" help:"Require no labels."`
}

var errNegative = errors.New("must not be negative")

// Validate refuses spans that lead into the past, before anything is asked.
func (f *KeyPolicyFlags) Validate() error {
	for name, span := range map[string]*Span{"max-key-lifetime": f.MaxKeyLifetime, "default-key-lifetime": f.DefaultKeyLifetime} {
		if span != nil && *span < 0 {
			return fmt.Errorf("--%s: %w", name, errNegative)
		}
	}
	return nil
}

// given tells whether any of the flags was.
func (f *KeyPolicyFlags) given() bool {
	return f.MaxKeyLifetime != nil || f.DefaultKeyLifetime != nil || f.RequireExpiry != nil ||
		len(f.AllowedPrefixes) > 0 || f.ClearAllowedPrefixes || f.MaxKeysPerUser != nil ||
		len(f.RequiredLabels) > 0 || f.ClearRequiredLabels
}

// over is a policy with what the flags say in place of what it said.
func (f *KeyPolicyFlags) over(before *pb.KeyPolicy) *pb.KeyPolicy {
	p := &pb.KeyPolicy{}
	proto.Merge(p, before)
	if f.MaxKeyLifetime != nil {
		p.MaxLifetime = durationpb.New(time.Duration(*f.MaxKeyLifetime))
	}
	if f.DefaultKeyLifetime != nil {
		p.DefaultLifetime = durationpb.New(time.Duration(*f.DefaultKeyLifetime))
	}
	if f.RequireExpiry != nil {
		p.ExpiryRequired = *f.RequireExpiry
	}
	if len(f.AllowedPrefixes) > 0 || f.ClearAllowedPrefixes {
		p.AllowedPrefixes = f.AllowedPrefixes
	}
	if f.MaxKeysPerUser != nil {
		p.MaxKeysPerUser = *f.MaxKeysPerUser
	}
	if len(f.RequiredLabels) > 0 || f.ClearRequiredLabels {
		p.RequiredLabels = f.RequiredLabels
	}
	return p
}

// addPolicy adds the rules that there are.
func (s *sheet) addPolicy(p *pb.KeyPolicy) {
	s.add("Max key lifetime", lifetime(p.GetMaxLifetime()))
	s.add("Default key lifetime", lifetime(p.GetDefaultLifetime()))
	if p.GetExpiryRequired() {
		s.add("Expiry", "required")
	}
	s.add("Allowed prefixes", list(p.GetAllowedPrefixes()))
	if n := p.GetMaxKeysPerUser(); n > 0 {
		s.add("Max keys per user", strconv.Itoa(int(n)))
	}
	s.add("Required labels", list(p.GetRequiredLabels()))
}

// lifetime is a span as flags take it; none is empty.
func lifetime(d *durationpb.Duration) string {
	if d.AsDuration() == 0 {
		return ""
	}
	return Span(d.AsDuration()).String()
}
