package server_test

import (
	"crypto/rand"
	"testing"

	"github.com/keystile/keystile/internal/pgtest"
)

// cryptoRandom is what secrets in tests are drawn from.
var cryptoRandom = rand.Reader

func TestMain(m *testing.M) { pgtest.Main(m) }
