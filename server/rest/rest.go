package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// Options say how the REST door behaves.
type Options struct {
	// NewRequestID names a call whose client did not. Required; what it gives
	// must be 1 to 128 of [A-Za-z0-9._-].
	NewRequestID func() string
	// Logger hears of panics. Nil logs nothing.
	Logger *slog.Logger
	// MaxBody bounds a request's body, in bytes. Zero is 1 MiB. An import may
	// have 8 MiB in any case.
	MaxBody int64
	// MaxTimeout bounds a call, and is the time of one that asks for none. Zero
	// is 10 s.
	MaxTimeout time.Duration
}

// door is the handler that New makes.
type door struct {
	options Options
	mux     *runtime.ServeMux
	paths   *paths
	routes  map[string]*route
}

// New makes the handler of every path under /v1/. conn leads to the gRPC server
// of this process, whose interceptors authenticate each call; it stays the
// caller's to close.
//
// The handler reads paths as the client wrote them. Give it the requests as they
// come: a mux that cleans or redirects paths in front of it would repair what it
// refuses.
func New(conn grpc.ClientConnInterface, opts Options) (http.Handler, error) {
	if conn == nil || opts.NewRequestID == nil {
		return nil, errors.New("rest: a connection and NewRequestID are required")
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.MaxBody <= 0 {
		opts.MaxBody = 1 << 20
	}
	if opts.MaxTimeout <= 0 {
		opts.MaxTimeout = 10 * time.Second
	}
	d := &door{options: opts, routes: map[string]*route{}}
	for _, t := range routes() {
		d.routes[t.key()] = t
	}
	var err error
	if d.paths, err = newPaths(routes()); err != nil {
		return nil, err
	}
	nothing := func(string) (string, bool) { return "", false }
	d.mux = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, jsonMarshaler{}),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithWriteContentLength(),
		runtime.WithIncomingHeaderMatcher(nothing),
		runtime.WithOutgoingHeaderMatcher(nothing),
		runtime.WithOutgoingTrailerMatcher(nothing),
		runtime.WithMetadata(func(ctx context.Context, _ *http.Request) metadata.MD { return exchangeOf(ctx).metadata }),
		runtime.WithMiddlewares(d.guard),
		runtime.WithErrorHandler(d.onError),
		runtime.WithRoutingErrorHandler(d.onRoutingError),
	)
	// The clients call once for each request; this context ends with nothing.
	ctx, via := context.Background(), recorded{conn}
	return d, errors.Join(
		keystilev1.RegisterKeyServiceHandlerClient(ctx, d.mux, keystilev1.NewKeyServiceClient(via)),
		keystilev1.RegisterDirectoryServiceHandlerClient(ctx, d.mux, keystilev1.NewDirectoryServiceClient(via)),
		keystilev1.RegisterAuditServiceHandlerClient(ctx, d.mux, keystilev1.NewAuditServiceClient(via)),
	)
}

// ServeHTTP answers one call.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w, head: r.Method == http.MethodHead}
	e := &exchange{requestID: requestIDOf(r.Header, d.options.NewRequestID), query: r.URL.RawQuery, writer: w}
	a.Header().Set(headerRequestID, e.requestID)
	a.Header().Set("Cache-Control", "no-store")
	a.Header().Set("X-Content-Type-Options", "nosniff")
	defer func() { recovered(recover(), a, e.requestID, d.options.Logger) }()

	timeout, p := d.admit(r, e)
	if p != nil {
		d.refuse(a, e, p)
		return
	}
	ctx, cancel := context.WithTimeout(withExchange(r.Context(), e), timeout)
	defer cancel()
	d.mux.ServeHTTP(a, inner(ctx, r))
}

// admit looks at what can be judged before the route is known.
func (d *door) admit(r *http.Request, e *exchange) (timeout time.Duration, p *Problem) {
	if ambiguous := clearPath(r.URL); ambiguous != nil {
		return 0, ambiguous
	}
	if e.metadata, p = callMetadata(r, e.requestID); p != nil {
		return 0, p
	}
	if timeout, p = callTimeout(r.Header, d.options.MaxTimeout); p != nil {
		return 0, p
	}
	switch coding := r.Header.Get("Content-Encoding"); coding {
	case "", "identity":
	default:
		return 0, &Problem{
			Status: http.StatusUnsupportedMediaType, Reason: reasonUnsupportedMedia,
			Detail: "a compressed body is not accepted", Remedy: "Send the body without a Content-Encoding.",
		}
	}
	return timeout, nil
}

// inner is the request as the generated code sees it: without a single header,
// host or address of the client's, so that nothing can slip into the metadata
// beside what the exchange holds. Its body has no bound yet: guard sets the
// route's before anything is read.
func inner(ctx context.Context, r *http.Request) *http.Request {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	content := r.Body
	if content == nil {
		content = http.NoBody
	}
	path := &url.URL{Path: r.URL.Path}
	if r.URL.RawPath == r.URL.EscapedPath() {
		// Else the raw path contradicts the decoded one, which was looked at.
		path.RawPath = r.URL.RawPath
	}
	return (&http.Request{
		Method: method,
		URL:    path,
		Proto:  r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
		Header:        http.Header{},
		ContentLength: r.ContentLength,
		Body:          content,
	}).WithContext(ctx)
}

// guard stands in front of every generated handler and refuses what that would
// let pass.
func (d *door) guard(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		e := exchangeOf(r.Context())
		pattern, _ := runtime.HTTPPattern(r.Context())
		t := d.routes[r.Method+" "+pattern.String()]
		if t == nil || !clearParams(params) {
			d.refuse(w, e, notFound())
			return
		}
		e.route, e.params = t, params
		limit := t.bodyLimit(d.options.MaxBody)
		if r.ContentLength > limit {
			d.refuse(w, e, bodyTooLarge(limit))
			return
		}
		r.Body = &body{Reader: http.MaxBytesReader(e.writer, r.Body, limit), exchange: e}
		query, p := clearQuery(e.query, t, params)
		if p == nil && t.body == "" && present(r) {
			p = invalid(fieldBody, "must be empty; this call takes none")
		}
		if p != nil {
			d.refuse(w, e, p)
			return
		}
		r.URL.RawQuery = query
		next(w, r, params)
	}
}

// onError answers a call that the generated code or the gRPC server refused.
func (d *door) onError(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, _ error) {
	e := exchangeOf(ctx)
	p := e.problem()
	d.refuse(w, e, &p)
}

// onRoutingError answers a path or a method that is served by no route.
func (d *door) onRoutingError(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	e := exchangeOf(ctx)
	allowed := d.paths.allowed(r)
	if code != http.StatusMethodNotAllowed || allowed == "" {
		d.refuse(w, e, notFound())
		return
	}
	w.Header().Set("Allow", allowed)
	d.refuse(w, e, &Problem{
		Status: http.StatusMethodNotAllowed, Reason: reasonMethodNotAllowed,
		Detail: "this path does not take that method", Remedy: "Use one of " + allowed + ".",
	})
}

func (d *door) refuse(w http.ResponseWriter, e *exchange, p *Problem) {
	if p.RequestID == "" {
		p.RequestID = e.requestID
	}
	p.Write(w)
}
