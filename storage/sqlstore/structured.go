package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/keystile/keystile/storage"
)

// Fields that are stored as JSON objects. A name that this release doesn't know
// is a rule it can't follow, and spoils the field: to read past it would allow
// more, and to write the rest back would lose it.

// policyText is how a tenant's rules for keys are stored. What bounds nothing is
// left out. Durations are nanoseconds.
type policyText struct {
	MaxLifetime     time.Duration `json:"maxLifetime,omitempty"`
	DefaultLifetime time.Duration `json:"defaultLifetime,omitempty"`
	ExpiryRequired  bool          `json:"expiryRequired,omitempty"`
	AllowedPrefixes []string      `json:"allowedPrefixes,omitempty"`
	MaxKeysPerUser  int           `json:"maxKeysPerUser,omitempty"`
	RequiredLabels  []string      `json:"requiredLabels,omitempty"`
}

func jsonPolicy(policy *storage.KeyPolicy) (string, error) {
	if err := checkTexts(policy.AllowedPrefixes, policy.RequiredLabels); err != nil {
		return "", err
	}
	return jsonText(policyText(*policy))
}

func (f *fields) policy(text string) storage.KeyPolicy {
	var policy *policyText
	if !strict(text, &policy) || policy == nil {
		f.spoilt = true
		return storage.KeyPolicy{}
	}
	return storage.KeyPolicy(*policy)
}

// jsonRoutes writes routes. Lists that aren't there are written as empty, since
// one that is missing when read is spoilt.
func jsonRoutes(routes []storage.Route) (string, error) {
	written := make([]storage.Route, len(routes))
	for i, route := range routes {
		if err := checkTexts(route.Hosts, route.Methods, []string{route.Path, route.Permission}); err != nil {
			return "", err
		}
		if err := checkLimits(&route.Limits); err != nil {
			return "", err
		}
		route.Hosts, route.Methods = orEmpty(route.Hosts), orEmpty(route.Methods)
		written[i] = route
	}
	return jsonText(written)
}

func (f *fields) routes(text string) []storage.Route {
	var routes []storage.Route
	if !strict(text, &routes) || routes == nil {
		f.spoilt = true
		return nil
	}
	for i := range routes {
		if routes[i].Hosts == nil || routes[i].Methods == nil || checkLimits(&routes[i].Limits) != nil {
			f.spoilt = true
			return nil
		}
		writeOut(&routes[i].Limits)
	}
	return slices.Clip(routes)
}

// apiText is how a key names an API.
type apiText struct {
	TenantID string `json:"tenantId"`
	ID       string `json:"id"`
}

func jsonAPIs(apis []storage.APIRef) (string, error) {
	written := make([]apiText, len(apis))
	for i, api := range apis {
		if api.TenantID == "" || api.ID == "" {
			return "", fmt.Errorf("%w: an API without its tenant or id", storage.ErrInvalid)
		}
		if err := checkTexts([]string{api.TenantID, api.ID}); err != nil {
			return "", err
		}
		written[i] = apiText(api)
	}
	return jsonText(written)
}

func (f *fields) apis(text string) (apis []storage.APIRef) {
	var read []apiText
	if !strict(text, &read) || read == nil {
		f.spoilt = true
		return nil
	}
	for _, api := range read {
		if api.TenantID == "" || api.ID == "" {
			f.spoilt = true
			return nil
		}
		apis = append(apis, storage.APIRef(api))
	}
	return apis
}

// strict reads JSON that has only fields which are known, and ends where it
// should.
func strict(text string, into any) bool {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if decoder.Decode(into) != nil {
		return false
	}
	_, err := decoder.Token()
	return errors.Is(err, io.EOF)
}

func checkTexts(lists ...[]string) error {
	for _, list := range lists {
		for _, text := range list {
			if err := checkText(text); err != nil {
				return err
			}
		}
	}
	return nil
}

func orEmpty(texts []string) []string {
	if texts == nil {
		return []string{}
	}
	return texts
}
