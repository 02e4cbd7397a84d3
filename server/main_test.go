package server_test

import (
	"crypto/rand"
	"io"
	"testing"

	"github.com/keystile/keystile/internal/pgtest"
)

// cryptoRandom is what secrets in tests are drawn from.
var cryptoRandom io.Reader = rand.Reader

func TestMain(m *testing.M) { pgtest.Main(m) }
