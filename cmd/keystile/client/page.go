package client

// Paging is how much of a list to show.
type Paging struct {
	Limit int `default:"100" help:"Show at most so many; 0 shows everything."`
}

// pageMost is the largest page that a server gives.
const pageMost = 1000

// pages collects records page by page until there are no more, or enough. It
// gives the token of what was left unread, empty when nothing was.
func pages[T any](p Paging, next func(size int32, token string) ([]T, string, error)) ([]T, string, error) {
	if p.Limit < 0 {
		return nil, "", usagef("--limit: must not be negative")
	}
	var all []T
	token := ""
	for {
		size := pageMost
		if p.Limit > 0 {
			size = min(size, p.Limit-len(all))
		}
		page, after, err := next(int32(size), token)
		if err != nil {
			return nil, "", err
		}
		all = append(all, page...)
		if after == "" || p.Limit > 0 && len(all) >= p.Limit {
			return all, after, nil
		}
		if after == token {
			return nil, "", unexpectedf("the server gave the same page twice")
		}
		token = after
	}
}

// more tells the person that a list goes on.
func (s *session) more(token string, shown int) {
	if token != "" {
		s.note("There is more than these %d: raise --limit; 0 shows everything.", shown)
	}
}
