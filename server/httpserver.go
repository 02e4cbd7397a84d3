package server

import (
	"log/slog"
	"net/http"
	"time"
)

// The bounds of the HTTP listeners.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 20 * time.Second
	idleTimeout       = 2 * time.Minute
	// A gateway sends all of its client's headers, and the path once more.
	maxHeaderBytes = 72 << 10
)

// NewHTTP makes an HTTP server with every bound set. Its own complaints go to
// the log at debug level: they are about clients.
func NewHTTP(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
