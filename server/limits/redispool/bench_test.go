package redispool_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/redistest"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// BenchmarkTake measures a round trip with a Redis on this machine.
func BenchmarkTake(b *testing.B) {
	for name, url := range map[string]string{
		"single":  "redis://" + redistest.Start(b).Addr(),
		"cluster": "redis+cluster://" + redistest.StartCluster(b).Addrs(),
	} {
		for _, many := range []int{1, 3, 100, 512} {
			b.Run(fmt.Sprintf("%s/asks=%d", name, many), func(b *testing.B) {
				p := open(b, url, patient())
				asks := make([]limits.Ask, many)
				for i := range asks {
					binary.BigEndian.PutUint64(asks[i].Key[:], uint64(i))
					asks[i].Rate = access.Rate{Period: time.Second, Requests: 1_000_000_000}
					asks[i].Want, asks[i].Least = 20, 1
				}
				if err := p.Ping(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Take(b.Context(), asks); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
