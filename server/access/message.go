package access

import "time"

// Message says in one line what a verdict's reason means for this key. It tells
// the holder nothing that the reason does not already give away.
func Message(v Verdict, g *Grant) string {
	text := v.Reason.Entry().Message
	switch v.Reason {
	case KeyRevoked:
		if class := g.Key.RevokeReason; class != "" {
			text += " (" + string(class) + ")"
		}
	case KeySuperseded:
		if end := g.Secret().EndTime; !end.IsZero() {
			text += ", at " + end.Format(time.RFC3339)
		}
	case KeyNotYetValid:
		text += "; it will be from " + g.Key.StartTime.Format(time.RFC3339)
	case KeyExpired:
		text += ", at " + g.Key.ExpireTime.Format(time.RFC3339)
	case RateLimited, QuotaExceeded:
		if v.Limit != "" {
			text += ": " + v.Limit
		}
	case PermissionDenied:
		if v.Missing.From == FromScope {
			return "the key's scopes do not include the permission " + v.Missing.Permission
		}
		return "the roles of the key's user do not hold the permission " + v.Missing.Permission
	default:
	}
	return text
}

// Message says in one line what a warning is about.
func (w Warning) Message() string {
	at := w.Time.Format(time.RFC3339)
	switch w.Kind {
	case ExpiresSoon:
		return "the key expires at " + at + "; extend or replace it before then"
	case APIDeprecated:
		if w.Time.IsZero() {
			return "the API is deprecated; move to its successor"
		}
		return "the API is deprecated and stops to answer at " + at + "; move to its successor before then"
	case SecretSuperseded:
		return "this secret was rotated out and ends at " + at + "; change to the new one before then"
	}
	return ""
}
