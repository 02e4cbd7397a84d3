package redispool

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// patience bounds what goes on beside calls, and outlives one: dialling, asking
// Sentinels for the master, and reading which node of a cluster holds what.
const patience = time.Second

// reload is how often a cluster is asked anew who holds what. A node that is gone
// says nothing of who took over.
const reload = 2 * time.Second

// client gives what speaks with the Redis that a URL names. It waits for an answer
// as long as the context of a call says, and sends nothing twice.
func (a *address) client(o *Options) redis.UniversalClient {
	all := redis.UniversalOptions{
		Addrs:      a.hosts,
		ClientName: "keystile",
		DB:         a.db,
		Protocol:   2,
		Username:   a.user, Password: a.password,
		SentinelUsername: a.watcher, SentinelPassword: a.watchword,
		MasterName:            a.master,
		TLSConfig:             a.settings(o.TLS),
		ContextTimeoutEnabled: true,
		MaxRetries:            -1,
		DialTimeout:           patience, DialerRetries: 1,
		ReadTimeout: patience, WriteTimeout: patience, PoolTimeout: patience,
		PoolSize: o.Connections, MaxActiveConns: o.Connections, MinIdleConns: 1, PipelinePoolSize: -1,
		DisableIdentity: true,
		// What would be asked of a server beyond its answers is of no use here.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	switch a.kind {
	case cluster:
		nodes := all.Cluster()
		nodes.ClusterStateReloadInterval = reload
		return redis.NewClusterClient(nodes)
	case sentinel:
		return redis.NewFailoverClient(all.Failover())
	default:
		return redis.NewClient(all.Simple())
	}
}

func (a *address) settings(given *tls.Config) *tls.Config {
	switch {
	case !a.tls:
		return nil
	case given == nil:
		return &tls.Config{MinVersion: tls.VersionTLS12}
	default:
		return given.Clone()
	}
}

// LogTo has go-redis tell a logger what it has to tell, such as that a Sentinel names
// another master, and not standard error. It is one for the whole process, so it is
// for who wires.
func LogTo(log *slog.Logger) { redis.SetLogger(journal{log}) }

type journal struct{ log *slog.Logger }

// Printf is what go-redis calls.
func (j journal) Printf(ctx context.Context, format string, words ...any) {
	j.log.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, words...))
}
