# Everything a contributor runs. `make` alone lists the targets. Tools are Go
# tool modules pinned under tools/: the go command fetches and builds them on
# first use, so nothing needs installing but Go, git and make.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

BUF  := go tool -modfile=tools/buf/go.mod buf
LINT := go tool -modfile=tools/lint/go.mod golangci-lint

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS  := -s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)

# The files with what checks are made of, and those they refer to.
FAST := key_service key limits verdict propagation

# How long each fuzz target runs in `make fuzz-short`.
FUZZTIME ?= 5s
# Flags for the comparison, such as BENCHFLAGS="-rounds 9 -json".
BENCHFLAGS ?=
# Flags for the measurement with many keys, such as LARGEFLAGS="-keys 10000,1000000".
LARGEFLAGS ?=
# How long `make chaos` breaks things, and more flags for it, such as
# CHAOSFLAGS="-seed 7 -clients 40" for the run of another day again.
CHAOSTIME ?= 15m
CHAOSFLAGS ?=

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## Build the static binary bin/keystile
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/keystile ./cmd/keystile

.PHONY: generate
generate: ## Generate the contract's Go code, its OpenAPI document and docs/errors.md
	find api -name '*.pb.go' -delete -o -name '*.pb.gw.go' -delete
	$(BUF) generate
	$(BUF) generate --template buf.gen.fast.yaml $(FAST:%=--path api/keystile/v1/%.proto)
	mkdir -p docs
	go run ./internal/errordocs docs/errors.md

.PHONY: check-generated
check-generated: ## Fail when generating would change a file, by a copy of the tree
	scripts/check-generated.sh

.PHONY: fmt
fmt: ## Format all Go code
	$(LINT) fmt

.PHONY: check-fmt
check-fmt: ## Fail when `make fmt` would change a file
	$(LINT) fmt --diff

.PHONY: check-tidy
check-tidy: ## Fail when go.mod or go.sum is not tidy
	go mod tidy -diff
	cd tools/openapi && go mod tidy -diff
	cd tools/manifests && go mod tidy -diff

.PHONY: vet
vet: ## Run go vet
	go vet ./...
	go vet -tags gateways ./internal/gateways
	go vet -tags chaos ./internal/chaos
	cd tools/openapi && go vet ./...
	cd tools/manifests && go vet ./...

.PHONY: lint
lint: ## Check the linter's configuration, then the code
	$(LINT) config verify
	$(LINT) run ./...
	cd tools/openapi && go tool -modfile=../lint/go.mod golangci-lint run ./...
	cd tools/manifests && go tool -modfile=../lint/go.mod golangci-lint run ./...

.PHONY: buf-lint
buf-lint: ## Check the contract's style and format
	$(BUF) lint
	$(BUF) format --diff --exit-code

.PHONY: buf-breaking
buf-breaking: ## Fail when the contract breaks its clients
	scripts/buf-breaking.sh

.PHONY: check-dockerfile
check-dockerfile: ## Check what the Dockerfile copies and builds, without Docker
	scripts/check-dockerfile.sh

# -count=1: what the tests read lies outside their module, where go test does
# not notice a change.
.PHONY: check-manifests
check-manifests: build ## Check the compose file and the Kubernetes manifests, without a cluster
	cd tools/manifests && go test -count=1 ./...
	cd tools/manifests && go run . -root ../.. -keystile ../../bin/keystile

.PHONY: test
test: ## Run every test, Postgres included, with the race detector
	scripts/test.sh

.PHONY: test-gateways
test-gateways: ## Drive the configurations of deploy/ with the real proxies
	scripts/test-gateways.sh

.PHONY: chaos-short
chaos-short: ## Break everything around three replicas for a while, and servers on purpose
	scripts/test-deps.sh
	go test -tags chaos -count=1 -v -timeout 12m ./internal/chaos -args -duration 35s $(CHAOSFLAGS)

.PHONY: chaos
chaos: ## Break everything around three replicas for CHAOSTIME
	scripts/test-deps.sh
	go test -tags chaos -count=1 -v -timeout 0 -run TestReplicas ./internal/chaos -args -duration $(CHAOSTIME) $(CHAOSFLAGS)

.PHONY: fuzz-short
fuzz-short: ## Run each fuzz target for FUZZTIME
	scripts/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: build ## Compare the check's doors with bare servers of their kinds
	go build -trimpath -o bin/bench ./bench
	bin/bench -keystile bin/keystile $(BENCHFLAGS)

# The profile that the compiler optimises by: of all doors under load, by a binary
# built without one.
.PHONY: pgo
pgo: ## Renew the profile that the binary is optimised by
	go build -tags profile -pgo=off -o bin/keystile-profile ./cmd/keystile
	go build -o bin/bench ./bench
	CPU_PROFILE=$(CURDIR)/bin/cpu.pgo bin/bench -keystile bin/keystile-profile -rounds 5
	cp bin/cpu.pgo cmd/keystile/default.pgo

.PHONY: bench-large
bench-large: build ## Measure a replica with 10 thousand, 1 million and 10 million keys
	scripts/test-deps.sh
	go build -trimpath -o bin/large ./bench/large
	bin/large -keystile bin/keystile $(LARGEFLAGS)

.PHONY: readme
readme: ## Run every command of README.md and docs/ in a fresh copy
	go run ./internal/readme

.PHONY: check
check: ## Run all that CI runs
	scripts/check.sh

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin
