package main

// The request that gateways ask about: one that matches a route.
const (
	callMethod    = "GET"
	callHost      = "api.bench.test"
	callPath      = "/orders/10428?expand=items"
	clientAddress = "203.0.113.7"
)

// header is a header of the client's, its name as HTTP/2 writes it.
type header struct{ name, value string }

// clientHeaders are what a client sends: with what Envoy adds, a dozen.
func clientHeaders(secret string) []header {
	return []header{
		{"user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"},
		{"accept", "application/json, text/plain, */*"},
		{"accept-encoding", "gzip, deflate, br, zstd"},
		{"accept-language", "en-GB,en;q=0.9,de;q=0.8"},
		{"cache-control", "no-cache"},
		{"cookie", "session=5e0c4ee04a2f4b6ab9a5; theme=dark"},
		{"referer", "https://shop.bench.test/orders"},
		{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		{"authorization", "Bearer " + secret},
	}
}
