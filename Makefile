# `make` alone prints what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(HOME)/.cargo/bin:$(PATH)
# Said to cargo too: its own settings may name another folder.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# One step needs the one before it, whatever MAKEFLAGS says.
.NOTPARALLEL:

.PHONY: help
help: ## What there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: setup setup-tests site build run dev models
setup: ## Find or get what building needs
	@scripts/setup
setup-tests: ## Find or get what the tests need too
	@scripts/setup --tests
models: ## Fetch the local embedding model
	@scripts/fetch-models
site: ## Build what the browser loads
	@scripts/build-site
build: setup site ## Build the one binary, with everything in it: target/release/cjhirashi
	@echo "▸ Server"
	@cargo build --release --features embed
run: build ## Build, start everything, print where to go
	@exec "$$CARGO_TARGET_DIR/release/cjhirashi" serve
dev: setup ## Rebuild and restart on every change
	@scripts/dev

.PHONY: test fmt lint unit e2e deps sizes screenshots
test: ## Everything CI runs
	@scripts/test
fmt: ## Format the code
	@cargo fmt --all
lint: ## Clippy for server and browser
	@scripts/test lint
unit: ## Unit and integration tests
	@scripts/test unit
e2e: ## Browser tests
	@scripts/test e2e
deps: ## Licences, bans, unused dependencies
	@scripts/test deps
sizes: ## Sizes of what the browser loads, against their limits
	@scripts/test sizes
screenshots: ## Pictures of every page into target/screenshots
	@scripts/test screenshots

.PHONY: bench crash sqlx clean
bench: ## Figures, as a table with their targets
	@scripts/bench
crash: ## Workers killed at every step, and how often
	@scripts/crash
sqlx: ## Write .sqlx, the checked queries' data, from a scratch database
	@scripts/sqlx
clean: ## Remove what was built; data/ stays
	@cargo clean
	@rm -rf target/site target/style.css
