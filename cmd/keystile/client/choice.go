package client

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// RevokeReason is why a key is revoked, given as key-compromise or
// KEY_COMPROMISE. The zero value says nothing.
type RevokeReason pb.Key_RevokeReason

// UnmarshalText reads a reason.
func (r *RevokeReason) UnmarshalText(text []byte) error {
	value, err := chosen(text, pb.Key_RevokeReason_name)
	*r = RevokeReason(value)
	return err
}

// Choices lists the reasons there are.
func (*RevokeReason) Choices() []string { return choices(pb.Key_RevokeReason_name) }

// UserKind is who a user is: person or service-account. The zero value says
// nothing.
type UserKind pb.User_Kind

// UnmarshalText reads a kind.
func (k *UserKind) UnmarshalText(text []byte) error {
	value, err := chosen(text, pb.User_Kind_name)
	*k = UserKind(value)
	return err
}

// Choices lists the kinds there are.
func (*UserKind) Choices() []string { return choices(pb.User_Kind_name) }

// Visibility is who may see an API: public or private. The zero value says
// nothing.
type Visibility pb.Api_Visibility

// UnmarshalText reads a visibility.
func (v *Visibility) UnmarshalText(text []byte) error {
	value, err := chosen(text, pb.Api_Visibility_name)
	*v = Visibility(value)
	return err
}

// Choices lists what there is.
func (*Visibility) Choices() []string { return choices(pb.Api_Visibility_name) }

// chosen finds the value that a text names, as a flag or as the contract
// writes it. Zero, which says nothing, can't be chosen.
func chosen(text []byte, names map[int32]string) (int32, error) {
	for value, name := range names {
		if value != 0 && flagged(name) == flagged(string(text)) {
			return value, nil
		}
	}
	return 0, fmt.Errorf("%q is none of %s", text, strings.Join(choices(names), ", "))
}

func choices(names map[int32]string) []string {
	var out []string
	for value, name := range names {
		if value != 0 {
			out = append(out, flagged(name))
		}
	}
	slices.Sort(out)
	return out
}

// flagged is the name of an enum's value as flags have it.
func flagged(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "-")) }
