package filter

import (
	"errors"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// unusedSince asks for what nobody has used since a time, or for a duration up to
// now: neither its last use nor its creation is later. What is new is not unused
// for long. It can be asked of messages that keep both times.
func unusedSince() Named {
	return Named{Name: "unusedSince", Bind: func(d protoreflect.MessageDescriptor, value string) (Test, error) {
		used, created := d.Fields().ByName("last_used_time"), d.Fields().ByName("create_time")
		if !isOneTime(used) || !isOneTime(created) {
			return nil, errors.New("can't be asked of this list, which keeps no lastUsedTime")
		}
		limit, ok := readTime(value)
		back, lasts := readDuration(value)
		if !ok && (!lasts || back < 0) {
			return nil, errors.New("is asked with a time, such as " + timeForm + ", or a duration back from now, such as " + durationForm)
		}
		return func(m protoreflect.Message, now time.Time) bool {
			before := limit
			if lasts {
				before = timeSpan(now.Add(-back))
			}
			known := false
			for _, f := range []protoreflect.FieldDescriptor{used, created} {
				if !m.Has(f) {
					continue
				}
				known = true
				if spanOf(m.Get(f).Message()).compare(before) >= 0 {
					return false
				}
			}
			return known
		}, nil
	}}
}

func isOneTime(f protoreflect.FieldDescriptor) bool {
	return f != nil && !f.IsList() && kindOf(f) == isTime
}
