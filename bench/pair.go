package main

import (
	"context"
	"fmt"
	"net"
	"strings"
)

// pair is one comparison: a door of Keystile's, and the bare server of its kind.
type pair struct {
	name  string // what -pairs calls it
	title string // what the table says was asked
	rival string // what the table calls the bare server

	// door tells where Keystile's side is reached.
	door func(k *keystile) string
	// ask asks the door once about the secret, as the load will do again and
	// again. An answer that does not allow is an error.
	ask func(ctx context.Context, address, secret string) (exchange, error)
	// client asks the doors, bare ones alike.
	client client
	// serve is the bare server: it gives one answer to whatever is asked, until
	// ctx ends.
	serve func(ctx context.Context, listener net.Listener, answer []byte) error
}

// exchange is a question and the answer to it, encoded.
type exchange struct{ request, answer []byte }

// pairs lists all comparisons.
func pairs() []pair { return []pair{checkKey(), checkKeys(), extAuthz(), authRequest()} }

// allPairs names all comparisons, as a flag does.
func allPairs() string {
	var names []string
	for _, p := range pairs() {
		names = append(names, p.name)
	}
	return strings.Join(names, ",")
}

// pairsNamed gives the comparisons of a list of names.
func pairsNamed(list string) ([]pair, error) {
	var chosen []pair
	for name := range strings.SplitSeq(list, ",") {
		p, err := pairNamed(name)
		if err != nil {
			return nil, err
		}
		for _, other := range chosen {
			if other.name == name {
				return nil, fmt.Errorf("%q is there twice", name)
			}
		}
		chosen = append(chosen, p)
	}
	return chosen, nil
}

func pairNamed(name string) (pair, error) {
	for _, p := range pairs() {
		if p.name == name {
			return p, nil
		}
	}
	return pair{}, fmt.Errorf("there is no pair %q; there are %s", name, allPairs())
}
