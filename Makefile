# Two commands matter: `make demo` and `make test`. Both do all of their own set-up.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Compiled dependencies are shared by every checkout on this machine and are never required to be there.
export CONSILIUM_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/consilium
export CARGO_TARGET_DIR ?= $(CONSILIUM_CACHE)/target
export PATH := $(HOME)/.cargo/bin:$(CONSILIUM_CACHE)/tools/bin:$(PATH)
export RUSTDOCFLAGS := -D warnings

# What is built is always the whole workspace with all of its targets, in the one profile there is: the features of
# shared dependencies then never differ between commands, and nothing large is built twice.
CARGO := cargo
ALL := --workspace --all-targets --locked
CONSILIUM := $(CARGO_TARGET_DIR)/debug/consilium
# What the benchmarks compare with is no part of the workspace.
PEERS := $(CARGO_TARGET_DIR)/peers

.PHONY: help setup build bin demo bench test lint format-check claims clippy doc deny advisories unit determinism soak clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing: Rust toolchain, system packages
	@scripts/setup
	@scripts/own-target

build: setup ## Build everything
	@$(CARGO) build $(ALL)

bin: ## Print the folder of the built command, for PATH
	@echo $(CARGO_TARGET_DIR)/debug

demo: build ## Run the main job on sample records: a KGC and two hospitals on this machine
	@$(CONSILIUM) demo $(DEMO)

bench: setup ## Measure on this machine and write docs/benchmarks.md: half an hour
	@$(CARGO) build --workspace --bins --locked
	@$(CARGO) build --release --locked --manifest-path benches/peers/Cargo.toml --target-dir $(PEERS)
	@$(CARGO_TARGET_DIR)/debug/consilium-bench --dir $(CARGO_TARGET_DIR)/bench --peers $(PEERS)/release/consilium-bench-peers --report docs $(BENCH)

test: setup lint unit determinism ## Everything CI checks: formatting, lints, docs, licences, all tests

lint: format-check claims clippy doc deny

format-check:
	@$(CARGO) fmt --all --check

claims: ## Whether the tests that SECURITY.md names are there
	@scripts/claims

clippy: setup
	@$(CARGO) clippy $(ALL) -- -D warnings

doc: setup
	@$(CARGO) doc --workspace --no-deps --locked --quiet

deny: setup
	@scripts/deny

advisories: deny ## Known advisories, where the database can be reached
	@cargo deny --locked check --hide-inclusion-graph advisories

unit: setup ## All tests
	@scripts/unit

determinism: setup ## Whether debug and release builds of the ledger find the same state roots
	@scripts/determinism

soak: setup ## The faults that the ledger must survive, in full; prints what was done
	@CONSILIUM_SOAK=1 $(CARGO) test --workspace --locked --test faults -- --nocapture --test-threads=1

clean: ## Remove this project's compiled files, the shared dependencies included
	@rm -rf "$(CARGO_TARGET_DIR)"
