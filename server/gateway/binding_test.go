package gateway

import (
	"errors"
	"testing"
)

func TestReadArguments(t *testing.T) {
	for query, want := range map[string]Binding{
		"":                                     {Cost: 1},
		"tenant=acme":                          {Cost: 1, Tenant: "acme"},
		"keyTenant=beta&tenant=acme":           {Cost: 1, Tenant: "acme", KeyTenant: "beta"},
		"api=orders&permission=orders.read":    {Cost: 1, API: "orders", Permission: "orders.read"},
		"permission=orders%2eread&cost=0":      {Permission: "orders.read"},
		"cost=12":                              {Cost: 12},
		"limit_status=403":                     {Cost: 1, RefuseLimitsAs403: true},
		"limit_status=429&tenant=acme":         {Cost: 1, Tenant: "acme"},
		"tenant=acme&limit_status=403&api=a_b": {Cost: 1, Tenant: "acme", API: "a_b", RefuseLimitsAs403: true},
	} {
		got, err := readArguments(query, true)
		if err != nil || got != want {
			t.Errorf("%q: got %+v and %v, want %+v", query, got, err, want)
		}
	}
}

func TestReadArgumentsRefuses(t *testing.T) {
	for _, query := range []string{
		"tenant=", "tenant", "tenant=acme&tenant=acme", "tenant=acme&tenant=beta", "Tenant=acme", "key_tenant=acme",
		"permision=orders.read", "permission=orders.*", "permission=*", "permission=%20", "api=keystile", "api=Orders",
		"cost=-1", "cost=1.5", "cost=", "cost=1000001", "cost=1&cost=1", "cost=0&cost=5", "&", "tenant=acme&", "=acme",
		"limit_status=403&limit_status=403", "limit_status=200", "tenant=%zz", "%zz=acme", "tenant=acme;api=orders",
		"path=/orders", "tenant=acme%00",
	} {
		if got, err := readArguments(query, true); !errors.Is(err, ErrMisconfigured) || got != (Binding{}) {
			t.Errorf("%q: got %+v and %v, want ErrMisconfigured", query, got, err)
		}
	}
	if _, err := readArguments("limit_status=403", false); !errors.Is(err, ErrMisconfigured) {
		t.Errorf("limit_status at another door: got %v", err)
	}
}

func TestReadExtensions(t *testing.T) {
	got, err := readExtensions([]entry{{"tenant", "acme"}, {"key_tenant", "beta"}, {"api", "orders"}, {"permission", "orders.read"}, {"cost", "0"}})
	if want := (Binding{Tenant: "acme", KeyTenant: "beta", API: "orders", Permission: "orders.read"}); err != nil || got != want {
		t.Errorf("got %+v and %v, want %+v", got, err, want)
	}
	for _, bad := range []entry{{"keyTenant", "acme"}, {"permision", "a.b"}, {"tenant", ""}, {"", "x"}, {"cost", "x"}} {
		if _, err := readExtensions([]entry{bad}); !errors.Is(err, ErrMisconfigured) {
			t.Errorf("%v: got %v, want ErrMisconfigured", bad, err)
		}
	}
}
