# The entry point to everything. Each target is one line of work for a script under
# hack/ or charts/, so that what CI runs and what you run is the same.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

help: ## Lists these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## Runs every test there is; the last line counts the steps that passed and failed
	@hack/test/run.sh

test-unit: ## Runs the tests that need no cluster
	cargo test --locked --workspace --exclude e2e

lint: ## Checks formatting, clippy, the scripts and the workflows
	@hack/test/run.sh lint

fmt: ## Formats the Rust code
	cargo fmt --all

crds: ## Generates crds/ from crates/api-types
	UPDATE_CRDS=1 cargo test --locked --package api-types --test crds

clean: ## Removes what was built; the cache folder of tools and images stays
	cargo clean

.PHONY: help test test-unit lint fmt crds clean
