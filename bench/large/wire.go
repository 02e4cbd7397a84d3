package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// The frames of HTTP/2 (RFC 9113), and the flags that matter here.
const (
	frameData    = 0
	frameHeaders = 1
	frameReset   = 3
	frameSetting = 4
	framePing    = 6
	frameGoAway  = 7
	frameWindow  = 8

	flagAck        = 1
	flagEndStream  = 1
	flagEndHeaders = 4
	flagPadded     = 8

	frameHead = 9
	// The window that the server is given: more than a run of calls sends.
	window = 1<<31 - 1 - 65535
)

// wire carries gRPC calls over one connection. It writes frames itself, the same
// headers each time, and looks at no header of an answer: so it costs a tenth of
// what a grpc-go client does, and it is the server that a load measures. It is used
// from one goroutine.
type wire struct {
	connection net.Conn
	in         *bufio.Reader
	out        []byte
	headers    []byte
	// next is the next call's stream; received is what the server's window is short
	// of, quota how much may be sent.
	next     uint32
	received uint32
	quota    int64
}

// dial connects, for calls of one method.
func dial(ctx context.Context, address, method string) (*wire, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	w := &wire{connection: connection, in: bufio.NewReaderSize(connection, 1<<16), next: 1, quota: 65535}
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", method}, {":authority", address},
		{"content-type", "application/grpc"}, {"te", "trailers"}, {"user-agent", "keystile-large/1"},
	} {
		w.headers = appendField(w.headers, field[0], field[1])
	}
	w.out = append(w.out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"...)
	// A table of no size keeps the server from counting on a memory of ours.
	w.out = appendFrame(w.out, frameSetting, 0, 0, 12)
	w.out = binary.BigEndian.AppendUint32(append(w.out, 0, 1), 0)
	w.out = binary.BigEndian.AppendUint32(append(w.out, 0, 4), 1<<31-1)
	w.out = binary.BigEndian.AppendUint32(appendFrame(w.out, frameWindow, 0, 0, 4), window)
	return w, nil
}

// appendField writes a header that is not to be remembered (RFC 7541, 6.2.2).
func appendField(to []byte, name, value string) []byte {
	to = append(to, 0)
	for _, part := range []string{name, value} {
		to = append(append(to, byte(len(part))), part...) //nolint:gosec // below 127, so that one byte says it
	}
	return to
}

func appendFrame(to []byte, kind, flags byte, stream uint32, size int) []byte {
	to = append(to, byte(size>>16), byte(size>>8), byte(size), kind, flags) //nolint:gosec // a frame's size has 24 bits
	return binary.BigEndian.AppendUint32(to, stream)
}

// call asks; the question goes out with the next flush. It gives the stream by
// which the answer will be known.
func (w *wire) call(message []byte) (uint32, error) {
	w.quota -= int64(len(message) + 5)
	if w.quota < 0 {
		return 0, errors.New("the server's window is full")
	}
	stream := w.next
	w.next += 2
	w.out = append(appendFrame(w.out, frameHeaders, flagEndHeaders, stream, len(w.headers)), w.headers...)
	w.out = append(appendFrame(w.out, frameData, flagEndStream, stream, len(message)+5), 0)
	w.out = binary.BigEndian.AppendUint32(w.out, uint32(len(message))) //nolint:gosec // questions are small
	w.out = append(w.out, message...)
	return stream, nil
}

func (w *wire) flush() error {
	if w.received > 1<<20 {
		w.out = binary.BigEndian.AppendUint32(appendFrame(w.out, frameWindow, 0, 0, 4), w.received)
		w.received = 0
	}
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.connection.Write(w.out)
	w.out = w.out[:0]
	return err
}

// idle tells whether all that has come was read: time to flush.
func (w *wire) idle() bool { return w.in.Buffered() < frameHead }

// read reads one frame. data is a piece of the answer on a stream, and valid until
// the next call; end says that the stream is over.
func (w *wire) read() (stream uint32, data []byte, end bool, err error) {
	head, err := w.in.Peek(frameHead)
	if err != nil {
		return 0, nil, false, err
	}
	size := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
	kind, flags := head[3], head[4]
	stream = binary.BigEndian.Uint32(head[5:]) & (1<<31 - 1)
	_, _ = w.in.Discard(frameHead)
	var payload []byte
	if size <= w.in.Size() {
		payload, err = w.in.Peek(size)
		_, _ = w.in.Discard(size) // what was peeked at stays until more is read
	} else {
		payload = make([]byte, size)
		_, err = io.ReadFull(w.in, payload)
	}
	if err != nil {
		return 0, nil, false, err
	}
	switch kind {
	case frameData:
		w.received += uint32(size) //nolint:gosec // 24 bits
		if flags&flagPadded != 0 {
			return 0, nil, false, errors.New("a padded frame")
		}
		return stream, payload, flags&flagEndStream != 0, nil
	case frameHeaders:
		return stream, nil, flags&flagEndStream != 0, nil
	case frameReset:
		return stream, nil, true, nil
	case frameSetting:
		if flags&flagAck == 0 {
			w.out = appendFrame(w.out, frameSetting, flagAck, 0, 0)
		}
	case framePing:
		if flags&flagAck == 0 {
			w.out = append(appendFrame(w.out, framePing, flagAck, 0, size), payload...)
		}
	case frameWindow:
		if stream == 0 && size == 4 {
			w.quota += int64(binary.BigEndian.Uint32(payload) & (1<<31 - 1))
		}
	case frameGoAway:
		return 0, nil, false, fmt.Errorf("the server closes: %q", payload)
	}
	return 0, nil, false, nil
}
