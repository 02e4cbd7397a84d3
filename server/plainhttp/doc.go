// Package plainhttp serves the plainest of HTTP/1.1 requests itself, and leaves all
// others to net/http: it is for a handler that is asked so often, and does so
// little, that what net/http does around it costs several times as much.
//
// A request is plain when it can be read in one way only. The head has all come in
// few bytes; its lines end in CRLF; names are tokens with the colon right behind
// them; values hold no control bytes; there is one Host, and no body. Whatever else
// comes, a malformed request too, goes to net/http together with the connection,
// and nothing of it was answered before. So there are not two opinions about a
// request: a fuzzer holds what is read here to what net/http's server reads from
// the same bytes.
//
// The bounds of the http.Server hold here too. It decides nothing about calls, and
// must not import the server.
package plainhttp
