package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/limits/redispool"
	"github.com/keystile/keystile/server/limits/storepool"
	"github.com/keystile/keystile/storage"
)

// LimitFlags say where replicas share rate limits.
type LimitFlags struct {
	RedisURL          string `name:"redis-url" help:"Where replicas share rate limits: redis://HOST:PORT/DB, rediss:// for TLS, redis+sentinel://HOST:PORT,.../MASTER or redis+cluster://HOST:PORT,.... Default: the Postgres database. Quotas are always in the store." env:"KEYSTILE_REDIS_URL" placeholder:"URL"`
	LimitsOnStoreLoss string `name:"limits-on-store-loss" help:"What to do about rate limits while what replicas share is out of reach: local (each replica goes on with its fair share), deny, or allow. Quotas never fall open." env:"KEYSTILE_LIMITS_ON_STORE_LOSS" enum:"local,deny,allow" default:"local" placeholder:"local|deny|allow"`
}

// The time that a check may wait for one answer of Postgres about limits.
const storeBudget = 50 * time.Millisecond

// leaving is the time for returning what is held of limits at the end.
const leaving = 2 * time.Second

func (f *LimitFlags) onLoss() limits.OnLoss {
	switch f.LimitsOnStoreLoss {
	case "local":
		return limits.LossLocal
	case "allow":
		return limits.LossAllow
	}
	return limits.LossDeny
}

// newLimits makes the engine of limits, and says where replicas share them.
func (p *process) newLimits() error {
	p.live = &liveReplicas{leases: p.store}
	o := limits.Options{
		Ledger: storepool.NewLedger(p.store), Replicas: p.live.count, OnLoss: p.flags.onLoss(), Now: time.Now, Chance: rand.Float64,
	}
	shared := "by this replica alone"
	switch {
	case p.flags.RedisURL != "":
		redispool.LogTo(p.log)
		redis, err := redispool.Open(p.flags.RedisURL, redispool.Options{})
		if err != nil {
			return fmt.Errorf("--redis-url: %w", err)
		}
		p.redis, o.Pool, shared = redis, redis, "through "+redis.String()
	case p.store.Shared():
		o.Pool, o.PoolBudget, shared = storepool.NewPool(p.store), storeBudget, "through Postgres"
	}
	p.log.Info("rate limits are counted", "where", shared, "limits_on_store_loss", p.flags.LimitsOnStoreLoss)
	p.limits = limits.New(o)
	return nil
}

// keepLimits asks for tokens ahead until ctx ends, and returns then what is held.
func (p *process) keepLimits(ctx context.Context) {
	p.reachRedis(ctx)
	_ = p.limits.Run(ctx)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaving)
	defer cancel()
	if err := p.limits.Close(ending); err != nil {
		p.log.Warn("what was held of limits is not returned, and counts as spent", "error", err)
	}
	if p.redis != nil {
		_ = p.redis.Close()
	}
}

// reachRedis says so when Redis can't be reached at the start. The process goes on: it
// is --limits-on-store-loss that says what becomes of rate limits.
func (p *process) reachRedis(ctx context.Context) {
	if p.redis == nil {
		return
	}
	asking, cancel := context.WithTimeout(ctx, leaving)
	defer cancel()
	if err := p.redis.Ping(asking); err != nil && ctx.Err() == nil {
		p.log.Error("Redis can't be reached; rate limits are not shared", "redis", p.redis.String(), "error", err,
			"limits_on_store_loss", p.flags.LimitsOnStoreLoss)
	}
}

// liveReplicas counts the replicas that hold a lease.
type liveReplicas struct {
	leases storage.Replicas
	live   atomic.Int64
}

// countEvery is how often replicas are counted.
const countEvery = 2 * time.Second

func (l *liveReplicas) count() int { return max(1, int(l.live.Load())) }

// watch counts until ctx ends. What can't be counted is as many as it was.
func (l *liveReplicas) watch(ctx context.Context) {
	if !l.leases.Shared() {
		return
	}
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, countEvery)
		list, _, err := l.leases.ListReplicas(asking, time.Second)
		cancel()
		if err == nil {
			l.live.Store(int64(len(list)))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
