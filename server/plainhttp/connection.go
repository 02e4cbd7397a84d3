package plainhttp

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// What a connection is at.
const (
	// waiting: nothing of a request has come; it may be ended.
	waiting int32 = iota
	// working: a request is read or answered.
	working
	// ended: it was ended while it waited.
	ended
)

// connection is one on which nothing but plain requests has come.
type connection struct {
	net.Conn
	server *Server
	state  atomic.Int32

	// in[start:end] has come, and was not answered yet.
	in         []byte
	start, end int
	request    Request
	answer     Answer
	writer     answered

	// reading tells that the deadline in force for reads is that of a head.
	reading         bool
	readBy, writeBy time.Time
}

func newConnection(conn net.Conn, s *Server) *connection {
	c := &connection{Conn: conn, server: s, in: make([]byte, maxHead)}
	if peer, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		c.request.Peer = peer.Addr().Unmap().WithZone("")
	}
	return c
}

// serve answers requests until one is not plain or the connection ends.
func (c *connection) serve(ctx context.Context) {
	defer c.server.forget(c)
	defer func() {
		if found := recover(); found != nil {
			// Its value may hold anything, a secret too.
			c.server.others.ErrorLog.Printf("plainhttp: panic: %T\n%s", found, debug.Stack())
			_ = c.Close()
		}
	}()
	c.expectHead(time.Now())
	for {
		size, plain := c.request.read(c.in[c.start:c.end], c.server.handler)
		var goesOn bool
		switch {
		case !plain:
			c.handOver()
			return
		case size == 0:
			goesOn = c.fill()
		default:
			c.start += size
			goesOn = c.respond(ctx)
		}
		if !goesOn {
			_ = c.Close()
			return
		}
	}
}

// fill waits for more bytes. A head that has begun has to be whole in time.
func (c *connection) fill() bool {
	if c.start < c.end && !c.reading {
		c.expectHead(time.Now())
	}
	c.end = copy(c.in, c.in[c.start:c.end])
	c.start = 0
	if c.end == 0 {
		c.state.CompareAndSwap(working, waiting)
	}
	n, err := c.Read(c.in[c.end:])
	c.end += n
	// What came with an error can't become a request. What was read with none is kept
	// from Shutdown, unless that was first.
	return err == nil && (c.state.CompareAndSwap(waiting, working) || c.state.Load() == working)
}

// respond answers the request that was read.
func (c *connection) respond(ctx context.Context) bool {
	a := &c.answer
	*a = Answer{Fields: a.Fields[:0]}
	c.server.handler.Answer(ctx, &c.request, a)
	now := time.Now()
	last := c.server.closing.Load()
	out := c.writer.write(a, now, c.request.Method == http.MethodHead, last)
	c.extend(now)
	_, err := c.Write(out)
	return err == nil && !last
}

// expectHead gives the time that there is for reading a head.
func (c *connection) expectHead(now time.Time) {
	c.reading = true
	c.readBy = now.Add(c.server.others.ReadHeaderTimeout)
	_ = c.SetReadDeadline(c.readBy)
}

// extend gives the time that there is for writing an answer, and then for the next
// request to begin. Deadlines cost, so one that is far enough off stays: then there
// is somewhat less time than the server's bounds allow, and never more.
func (c *connection) extend(now time.Time) {
	idle, write := c.server.others.IdleTimeout, c.server.others.WriteTimeout
	if c.reading || c.readBy.Sub(now) < idle-idle/8 {
		c.reading = false
		c.readBy = now.Add(idle)
		_ = c.SetReadDeadline(c.readBy)
	}
	if c.writeBy.Sub(now) < write/2 {
		c.writeBy = now.Add(write)
		_ = c.SetWriteDeadline(c.writeBy)
	}
}

// handOver leaves the connection to net/http for good, with what was read of it.
func (c *connection) handOver() {
	_ = c.SetDeadline(time.Time{})
	c.server.arrive(&begun{Conn: c.Conn, came: c.in[c.start:c.end]})
}

// endIfWaiting ends a connection at rest.
func (c *connection) endIfWaiting() {
	if c.state.CompareAndSwap(waiting, ended) {
		_ = c.Close()
	}
}
