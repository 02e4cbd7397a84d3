package sqlstore

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/lib/pq"
)

// pgGrace is how long the server may take to heed a cancelled statement before
// the connection under it is given up.
const pgGrace = 500 * time.Millisecond

// pgConnector makes connections that end with the context of what runs on them.
//
// lib/pq answers the end of a context by asking the server to cancel. When the
// network has swallowed the server, nobody heeds that, and the read underneath
// would wait for as long as TCP does. So the socket's deadline is moved into
// the past shortly after.
type pgConnector struct {
	cfg pq.Config
}

// Driver gives lib/pq's driver.
func (c *pgConnector) Driver() driver.Driver { return &pq.Driver{} }

// Connect makes a connection within the context's deadline and connect_timeout,
// whichever comes first; the whole handshake counts.
func (c *pgConnector) Connect(ctx context.Context) (driver.Conn, error) {
	cfg := c.cfg.Clone()
	if deadline, ok := ctx.Deadline(); ok {
		cfg.ConnectTimeout = max(time.Millisecond, min(cfg.ConnectTimeout, time.Until(deadline)))
	}
	connector, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return nil, &connectError{err}
	}
	dialer := &pgDialer{}
	connector.Dialer(dialer)
	stop := context.AfterFunc(ctx, dialer.abandon)
	conn, err := connector.Connect(ctx)
	stop()
	if err != nil {
		return nil, &connectError{err}
	}
	inner, ok := conn.(pgDriverConn)
	if !ok {
		_ = conn.Close()
		return nil, &connectError{fmt.Errorf("unexpected kind of connection: %T", conn)}
	}
	return &pgConn{inner: inner, socket: dialer.settled()}, nil
}

// pgDialer remembers the socket it made for a connection. Sockets that lib/pq
// asks for later only carry requests to cancel.
type pgDialer struct {
	mu        sync.Mutex
	socket    net.Conn
	done      bool
	abandoned bool
}

// Dial is asked for by pq.Dialer, and unused beside DialContext.
func (d *pgDialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout is asked for by pq.Dialer, and unused beside DialContext.
func (d *pgDialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// DialContext connects a socket.
func (d *pgDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	socket, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err //nolint:wrapcheck // lib/pq looks at it
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.abandoned {
		_ = socket.Close()
		return nil, context.Canceled
	}
	if !d.done {
		d.socket = socket
	}
	return socket, nil
}

// abandon breaks off a handshake.
func (d *pgDialer) abandon() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done {
		return
	}
	d.abandoned = true
	if d.socket != nil {
		_ = d.socket.Close()
	}
}

// settled gives the socket of the finished connection.
func (d *pgDialer) settled() net.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = true
	return d.socket
}

// pgDriverConn is what lib/pq's connections can do.
type pgDriverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

// pgConn watches over what runs on a connection: a transaction until its end,
// and anything else until the connection goes back into the pool. database/sql
// uses it from one goroutine at a time.
type pgConn struct {
	inner  pgDriverConn
	socket net.Conn
	watch  *pgWatch
	inTx   bool
	// gaveUp: a watch has moved the socket's deadline, so it is of no use.
	gaveUp bool
}

// pgWatch ends a socket some time after a context, unless it is over by then.
type pgWatch struct {
	mu    sync.Mutex
	over  bool
	fired bool
	stop  func() bool
	timer *time.Timer
}

func (c *pgConn) begin(ctx context.Context) {
	if c.inTx || ctx.Done() == nil {
		return
	}
	c.end()
	w := &pgWatch{}
	c.watch = w
	expire := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.over {
			w.fired = true
			_ = c.socket.SetDeadline(time.Unix(1, 0))
		}
	}
	w.stop = context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.over {
			w.timer = time.AfterFunc(pgGrace, expire)
		}
	})
}

func (c *pgConn) end() {
	w := c.watch
	if w == nil {
		return
	}
	c.watch = nil
	w.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	c.gaveUp = c.gaveUp || w.fired
	if w.timer != nil {
		w.timer.Stop()
	}
}

// Prepare is lib/pq's.
func (c *pgConn) Prepare(query string) (driver.Stmt, error) { return c.inner.Prepare(query) }

// PrepareContext is lib/pq's, watched.
func (c *pgConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.begin(ctx)
	return c.inner.PrepareContext(ctx, query)
}

// Begin is lib/pq's.
func (c *pgConn) Begin() (driver.Tx, error) {
	return c.inner.Begin()
}

// BeginTx is lib/pq's, watched until the transaction ends.
func (c *pgConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.begin(ctx)
	tx, err := c.inner.BeginTx(ctx, opts)
	if err != nil {
		c.end()
		return nil, err //nolint:wrapcheck // database/sql looks at it
	}
	c.inTx = true
	return &pgTx{inner: tx, conn: c}, nil
}

// ExecContext is lib/pq's, watched.
func (c *pgConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.begin(ctx)
	return c.inner.ExecContext(ctx, query, args)
}

// QueryContext is lib/pq's, watched until the connection is given back, since
// the rows come after it has returned.
func (c *pgConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.begin(ctx)
	return c.inner.QueryContext(ctx, query, args)
}

// Ping is lib/pq's, watched.
func (c *pgConn) Ping(ctx context.Context) error {
	c.begin(ctx)
	return c.inner.Ping(ctx)
}

// ResetSession is lib/pq's.
func (c *pgConn) ResetSession(ctx context.Context) error { return c.inner.ResetSession(ctx) }

// IsValid is asked when the connection goes back into the pool, so whatever
// ran on it is over.
func (c *pgConn) IsValid() bool {
	c.end()
	return !c.gaveUp && c.inner.IsValid()
}

// CheckNamedValue is lib/pq's.
func (c *pgConn) CheckNamedValue(v *driver.NamedValue) error { return c.inner.CheckNamedValue(v) }

// Close is lib/pq's.
func (c *pgConn) Close() error {
	c.end()
	return c.inner.Close()
}

// pgTx ends the watch with the transaction.
type pgTx struct {
	inner driver.Tx
	conn  *pgConn
}

// Commit is lib/pq's.
func (t *pgTx) Commit() error {
	defer t.over()
	return t.inner.Commit()
}

// Rollback is lib/pq's.
func (t *pgTx) Rollback() error {
	defer t.over()
	return t.inner.Rollback()
}

func (t *pgTx) over() {
	t.conn.inTx = false
	t.conn.end()
}
