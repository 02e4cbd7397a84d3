package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// store is a filled database.
type store struct {
	population
	address string
}

// openStore gives the store of some size on a cluster, and fills it unless it is
// there from another run.
func openStore(ctx context.Context, c *cluster, binary string, keys int, say func(string, ...any)) (*store, error) {
	name := "large_" + strconv.Itoa(keys)
	there, err := c.create(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("making a database: %w", err)
	}
	s := &store{population: population{keys: keys}}
	if s.address, err = c.database(name); err != nil || there {
		return s, err
	}
	began := time.Now()
	if out, err := exec.CommandContext(ctx, binary, "migrate", "--database-url", s.address).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("making the schema: %w: %s", err, out)
	}
	if err := s.fill(ctx); err != nil {
		return nil, fmt.Errorf("filling a store with %d keys: %w", keys, err)
	}
	say("filled a store with %d keys in %.0f s", keys, time.Since(began).Seconds())
	return s, nil
}

// fill writes everything past the server, as one request a key would take hours.
func (s *store) fill(ctx context.Context) (err error) {
	db, err := sql.Open("postgres", s.address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	held, err := constraints(ctx, db)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	// Rows that come into an empty table in the transaction which emptied it need no
	// log, and indexes are made faster than kept.
	for _, statement := range slices.Concat(held.drop, []string{
		"TRUNCATE users, keys, key_secrets CASCADE", "SET LOCAL maintenance_work_mem = '512MB'",
	}) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	if err := s.directory(ctx, tx); err != nil {
		return err
	}
	if err := s.rows(ctx, tx); err != nil {
		return err
	}
	for _, statement := range held.add {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM (ANALYZE)")
	return err
}

// heldBack are the statements that drop the constraints and indexes of the tables of
// keys, and that make them again.
type heldBack struct {
	drop, add []string
}

func constraints(ctx context.Context, db *sql.DB) (held heldBack, err error) {
	// Foreign keys go first, as others hang on what they refer to, and come last.
	const query = `
		SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || conname,
			'ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid) ||
				CASE contype WHEN 'f' THEN ' NOT VALID' ELSE '' END
		FROM pg_constraint WHERE conrelid IN ('keys'::regclass, 'key_secrets'::regclass) AND contype IN ('f', 'p', 'u')
		ORDER BY contype, conname`
	const indexes = `
		SELECT 'DROP INDEX ' || indexrelid::regclass, pg_get_indexdef(indexrelid)
		FROM pg_index WHERE indrelid IN ('keys'::regclass, 'key_secrets'::regclass) AND NOT indisprimary
			AND indexrelid NOT IN (SELECT conindid FROM pg_constraint WHERE contype IN ('p', 'u'))
		ORDER BY 1`
	for _, text := range []string{query, indexes} {
		var drop, add []string
		if drop, add, err = pairsOf(ctx, db, text); err != nil {
			return held, err
		}
		slices.Reverse(add)
		held.drop, held.add = append(held.drop, drop...), append(held.add, add...)
	}
	return held, nil
}

func pairsOf(ctx context.Context, db *sql.DB, query string) (first, second []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var one, other string
		if err := rows.Scan(&one, &other); err != nil {
			return nil, nil, err
		}
		first, second = append(first, one), append(second, other)
	}
	return first, second, rows.Err()
}

// directory writes what checks need beside keys and users: a tenant with a host,
// an API with routes, and roles.
func (s *store) directory(ctx context.Context, tx *sql.Tx) error {
	now := time.Now().UnixMicro()
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO tenants (id, display_name, state, secret_prefix, hosts, version, create_time, update_time)
		VALUES ($1, 'Large', 'ACTIVE', 'ks', $2, 1, $3, $3)`, tenant, text([]string{callHost}), now); err != nil {
		return fmt.Errorf("the tenant: %w", err)
	}
	type route struct {
		Hosts   []string `json:"hosts"`
		Methods []string `json:"methods"`
		Path    string   `json:"path"`
	}
	here := []string{callHost}
	routes := text([]route{
		{here, []string{"GET", "POST"}, "/orders"},
		{here, []string{"GET"}, "/orders/{id}"},
		{here, []string{"PATCH", "DELETE"}, "/orders/{id}"},
		{here, []string{"GET"}, "/orders/{id}/items/{item}"},
	})
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO apis (tenant_id, id, display_name, visibility, state, subscription_required, routes, version, create_time, update_time)
		VALUES ($1, 'orders', 'Orders', 'PRIVATE', 'PUBLISHED', 0, $2, 1, $3, $3)`, tenant, routes, now); err != nil {
		return fmt.Errorf("the API: %w", err)
	}
	all := roles()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO roles (tenant_id, id, display_name, permissions, version, create_time, update_time)
			VALUES ($1, $2, $2, $3, 1, $4, $4)`, tenant, id, text(all[id]), now); err != nil {
			return fmt.Errorf("a role: %w", err)
		}
	}
	return nil
}

// rows writes users, keys and secrets.
func (s *store) rows(ctx context.Context, tx *sql.Tx) error {
	filled := time.Now()
	since := filled.AddDate(-1, 0, 0).UnixMicro()
	// Keys were made over a year, end in a year, and are in grace for a week.
	made := func(i int) int64 {
		return since + int64(float64(i)/float64(s.keys)*float64((365*24*time.Hour).Microseconds()))
	}
	ends, grace := filled.AddDate(1, 0, 0).UnixMicro(), filled.AddDate(0, 0, 7).UnixMicro()

	users := []string{"tenant_id", "id", "display_name", "kind", "state", "roles", "version", "create_time", "update_time"}
	if err := copyRows(ctx, tx, "users", users, s.users(), func(n int, put func(...any) error) error {
		return put(tenant, userID(n), userName(n), "SERVICE_ACCOUNT", "ACTIVE", text(rolesOf(n)), 1, since, since)
	}); err != nil {
		return err
	}
	// A key that was rotated was written twice.
	written := func(i int) (version int, at int64) {
		if rotated(i) {
			return 2, filled.UnixMicro()
		}
		return 1, made(i)
	}
	keys := []string{
		"id", "tenant_id", "user_id", "display_name", "scopes", "allowed_cidrs", "labels", "state", "expire_time", "revoke_reason",
		"revoke_note", "version", "create_time", "update_time", "created_by_tenant_id", "created_by_user_id",
	}
	if err := copyRows(ctx, tx, "keys", keys, s.keys, func(i int, put func(...any) error) error {
		version, at := written(i)
		return put(keyID(i), tenant, userID(s.userOf(i)), keyName(i), text(scopesOf(i)), text(networksOf(i)), text(labelsOf(i)),
			"ACTIVE", ends, "", "", version, made(i), at, tenant, userID(0))
	}); err != nil {
		return err
	}
	secrets := []string{"digest", "key_id", "position", "pepper_id", "prefix", "last_four", "create_time", "end_time"}
	return copyRows(ctx, tx, "key_secrets", secrets, s.keys, func(i int, put func(...any) error) error {
		secret := secretOf(i)
		digest := sha256.Sum256([]byte(secret))
		_, at := written(i)
		if err := put(digest[:], keyID(i), 0, "", "ks", secret[len(secret)-4:], at, nil); err != nil || !rotated(i) {
			return err
		}
		secret = previousOf(i)
		digest = sha256.Sum256([]byte(secret))
		return put(digest[:], keyID(i), 1, "", "ks", secret[len(secret)-4:], made(i), grace)
	})
}

func copyRows(ctx context.Context, tx *sql.Tx, table string, columns []string, n int, row func(i int, put func(...any) error) error) (err error) {
	// The driver takes a row with each call, and the end with one that has no values.
	into, err := tx.PrepareContext(ctx, "COPY "+table+" ("+strings.Join(columns, ", ")+") FROM STDIN")
	if err != nil {
		return fmt.Errorf("%s: %w", table, err)
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	put := func(values ...any) error {
		_, err := into.ExecContext(ctx, values...)
		return err
	}
	for i := range n {
		if err := row(i, put); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	if err := put(); err != nil {
		return fmt.Errorf("%s: %w", table, err)
	}
	return nil
}
