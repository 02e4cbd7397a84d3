#!/usr/bin/env bash
# Makes sure that the tests find what they run: the programs of Postgres,
# PgBouncer and Redis, and a few small tools. What is there already is left alone.
#
# On Debian and Ubuntu, root installs what is missing. Anybody else gets the
# packages unpacked under .cache/deps, where the tests look by themselves; no
# right is asked for and nothing outside the checkout is touched. Elsewhere this
# says what to install.
#
# KEYSTILE_TEST_POSTGRES_BIN and KEYSTILE_TEST_REDIS_BIN name folders with the
# programs, if they are in an unusual place.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=$root/.cache/deps
install_hint="install the packages postgresql, pgbouncer and redis-server (apt-get install postgresql pgbouncer redis-server), or name the folders of their programs in KEYSTILE_TEST_POSTGRES_BIN and KEYSTILE_TEST_REDIS_BIN"

fail() {
	echo "test-deps: $*" >&2
	exit 1
}

# folders lists where internal/proctest looks for programs.
folders() {
	if [[ -n ${KEYSTILE_TEST_POSTGRES_BIN:-} ]]; then echo "$KEYSTILE_TEST_POSTGRES_BIN"; fi
	if [[ -n ${KEYSTILE_TEST_REDIS_BIN:-} ]]; then echo "$KEYSTILE_TEST_REDIS_BIN"; fi
	tr ':' '\n' <<<"$PATH"
	ls -d /usr/lib/postgresql/*/bin 2>/dev/null || true
	echo /usr/sbin
	echo /usr/local/sbin
	echo /usr/local/bin
	echo "$deps/bin"
}

# have_together tells whether programs stand in one folder.
have_together() {
	local folder program
	while read -r folder; do
		for program in "$@"; do
			[[ -x $folder/$program && -f $folder/$program ]] || continue 2
		done
		return 0
	done < <(folders)
	return 1
}

# missing_packages lists the packages of what is not there. The small tools are
# for scripts, and only root can install them.
missing_packages() {
	have_together postgres initdb || echo postgresql
	have_together pgbouncer || echo pgbouncer
	have_together redis-server || echo redis-server
	if [[ $(id -u) -eq 0 ]]; then
		local tool
		for tool in curl jq git; do
			have_together "$tool" || echo "$tool"
		done
	fi
}

# install_as_root installs packages without starting what they bring.
install_as_root() {
	local policy=/usr/sbin/policy-rc.d ours="" common=/etc/postgresql-common/createcluster.conf
	if [[ ! -e $policy ]]; then
		ours=$policy
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		# shellcheck disable=SC2064 # the path is meant as it is now
		trap "rm -f '$policy'" EXIT
	fi
	# The package would make a cluster of its own, which nobody here uses.
	if [[ ! -e $common ]]; then
		mkdir -p "$(dirname "$common")"
		echo "create_main_cluster = false" >"$common"
	fi
	apt-get -qq update
	DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
		-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" >/dev/null
	if [[ -n $ours ]]; then
		rm -f "$ours"
		trap - EXIT
	fi
}

# unpack_as_user downloads packages and the libraries that are missing with
# them, and unpacks everything under .cache/deps.
unpack_as_user() {
	local tree=$deps/root state=$deps/apt
	mkdir -p "$tree" "$state/lists/partial" "$state/cache/archives/partial" "$deps/bin"
	# What an administrator wants done after each run, such as emptying a cache,
	# needs rights that are not there.
	printf '#clear %s;\n' APT::Update::Pre-Invoke APT::Update::Post-Invoke APT::Update::Post-Invoke-Success >"$state/apt.conf"
	local apt=(apt-get -qq -c "$state/apt.conf" -o "Dir::State::Lists=$state/lists" -o "Dir::Cache=$state/cache" -o Debug::NoLocking=1)
	"${apt[@]}" update
	# A simulated installation says which packages this machine lacks for it.
	local wanted
	wanted=$("${apt[@]}" -s install --no-install-recommends "$@" | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
	[[ -n $wanted ]] || wanted="$*"
	(
		cd "$state/cache/archives"
		# shellcheck disable=SC2086 # one word a package
		"${apt[@]}" download $wanted
		local package
		for package in *.deb; do
			dpkg-deb -x "$package" "$tree"
			rm -f "$package"
		done
	)
	rm -rf "$state"
	wrap_programs "$tree"
}

# wrap_programs puts a script for each program into .cache/deps/bin, which
# starts it with the unpacked libraries. exec keeps the process the same one.
wrap_programs() {
	local tree=$1 libraries program name
	libraries=$(find "$tree" -type f -name '*.so*' -printf '%h\n' | sort -u | sed '/\/postgresql\//d' | paste -sd: -)
	while read -r program; do
		name=$(basename "$program")
		cat >"$deps/bin/$name" <<-EOF
			#!/bin/sh
			LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}" exec "$program" "\$@"
		EOF
		chmod 755 "$deps/bin/$name"
	done < <(find "$tree"/usr/lib/postgresql/*/bin "$tree"/usr/sbin "$tree"/usr/bin -maxdepth 1 \( -type f -o -type l \) \
		\( -name postgres -o -name initdb -o -name pgbouncer -o -name redis-server \) 2>/dev/null)
}

mapfile -t missing < <(missing_packages)
[[ ${#missing[@]} -gt 0 ]] || exit 0

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
	fail "the tests lack ${missing[*]}: $install_hint"
fi
echo "test-deps: getting ${missing[*]}" >&2
if [[ $(id -u) -eq 0 ]]; then
	install_as_root "${missing[@]}"
else
	unpack_as_user "${missing[@]}"
fi

mapfile -t missing < <(missing_packages)
[[ ${#missing[@]} -eq 0 ]] || fail "the tests still lack ${missing[*]}: $install_hint"
