package load

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
)

// Choice chooses among n things, again and again: each as likely as any other, or
// by Zipf's law.
type Choice struct {
	n int
	// exponent is Zipf's; zero is as likely as any other.
	exponent float64
	seed     [2]uint64
}

// NewChoice draws a seed from random. n is more than zero; an exponent is 0, or
// more than 1, where the first things are chosen most: the higher, the more.
func NewChoice(n int, exponent float64, random io.Reader) (*Choice, error) {
	c := &Choice{n: n, exponent: exponent}
	var seed [16]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, fmt.Errorf("load: drawing a seed: %w", err)
	}
	c.seed[0], c.seed[1] = binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])
	return c, nil
}

// Chooser gives a function that chooses, for one goroutine. Those of different
// numbers choose differently.
func (c *Choice) Chooser(number uint64) func() int {
	source := rand.New(rand.NewPCG(c.seed[0], c.seed[1]+number)) //nolint:gosec // what is asked about next is no secret
	if c.exponent == 0 {
		return func() int { return source.IntN(c.n) }
	}
	zipf := rand.NewZipf(source, c.exponent, 1, uint64(c.n-1)) //nolint:gosec // n is more than zero
	return func() int { return int(zipf.Uint64()) }            //nolint:gosec // below n
}
