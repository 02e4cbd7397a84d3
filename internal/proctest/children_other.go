//go:build !linux

package proctest

// children: other systems don't tell as simply which processes one has started.
func children(int) []int { return nil }
