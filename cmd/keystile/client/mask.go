package client

import (
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// change is a field, and whether the flags say something about it.
type change struct {
	path  string
	given bool
}

// changed is the mask of the fields that are given. An update of nothing is a
// mistake.
func changed(fields []change) (*fieldmaskpb.FieldMask, error) {
	mask := &fieldmaskpb.FieldMask{}
	for _, field := range fields {
		if field.given {
			mask.Paths = append(mask.Paths, field.path)
		}
	}
	if len(mask.GetPaths()) == 0 {
		return nil, usagef("nothing to change: give at least one of the flags that name a field")
	}
	return mask, nil
}

// textOf is a flag's text; empty when it was not given.
func textOf(flag *string) string {
	if flag == nil {
		return ""
	}
	return *flag
}
