package sqlstore

import "github.com/keystile/keystile/storage"

// ahead hands parts of a snapshot to who takes them, one after the other, while the
// next is being read. Two parts are held at the most.
type ahead struct {
	parts chan storage.Records
	ended chan struct{}
	err   error
}

func newAhead(take func(storage.Records) error) *ahead {
	a := &ahead{parts: make(chan storage.Records), ended: make(chan struct{})}
	go func() {
		defer close(a.ended)
		for part := range a.parts {
			if err := take(part); err != nil {
				a.err = &changeError{err}
				return
			}
		}
	}()
	return a
}

// give waits until the part before is taken. An error is take's.
func (a *ahead) give(part storage.Records) error {
	select {
	case a.parts <- part:
		return nil
	case <-a.ended:
		return a.err
	}
}

// finish waits until all is taken. Nothing may be given after it.
func (a *ahead) finish() error {
	close(a.parts)
	<-a.ended
	return a.err
}
