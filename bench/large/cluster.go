package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	_ "github.com/lib/pq" // the driver that stores are filled with

	"github.com/keystile/keystile/internal/pgtest"
)

// cluster is the Postgres that holds the stores, one database for each.
type cluster struct {
	address string
	remove  func() error
}

// openCluster uses the server at an address, or starts one that ends with the run.
func openCluster(address string) (*cluster, error) {
	if address != "" {
		return &cluster{address: address, remove: func() error { return nil }}, nil
	}
	// What is written here is never needed again, and what is read should come from
	// memory, as it does on a server that is made for its task.
	address, remove, err := pgtest.Scratch("shared_buffers=1GB", "max_wal_size=8GB", "wal_level=minimal", "max_wal_senders=0")
	if err != nil {
		return nil, fmt.Errorf("starting a Postgres: %w", err)
	}
	return &cluster{address: address, remove: remove}, nil
}

// database gives the address of one of the databases.
func (c *cluster) database(name string) (string, error) {
	at, err := url.Parse(c.address)
	if err != nil {
		return "", fmt.Errorf("the address of Postgres: %w", err)
	}
	at.Path = "/" + name
	return at.String(), nil
}

// create makes a database unless it is there, and tells whether it was.
func (c *cluster) create(ctx context.Context, name string) (there bool, err error) {
	db, err := sql.Open("postgres", c.address)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM pg_database WHERE datname = $1", name).Scan(&there); err != nil || there {
		return there, err
	}
	_, err = db.ExecContext(ctx, "CREATE DATABASE "+name)
	return false, err
}

// pin moves a private server to the CPU of the clients, so that servers under
// load have theirs for themselves.
func (c *cluster) pin(ctx context.Context) (err error) {
	db, err := sql.Open("postgres", c.address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var file string
	if err := db.QueryRowContext(ctx, "SELECT pg_read_file('postmaster.pid')").Scan(&file); err != nil {
		return fmt.Errorf("the process id of Postgres: %w", err)
	}
	first, _, _ := strings.Cut(file, "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return fmt.Errorf("the process id of Postgres: %w", err)
	}
	pids, err := family(pid)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := pinTo(ctx, clientCPU, pid); err != nil {
			return err
		}
	}
	return nil
}
