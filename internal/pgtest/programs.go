package pgtest

import "github.com/keystile/keystile/internal/proctest"

const folderPrefix = "keystile-pgtest-"

func source() proctest.Source {
	return proctest.Source{Env: "KEYSTILE_TEST_POSTGRES_BIN", Packages: "postgresql pgbouncer"}
}
