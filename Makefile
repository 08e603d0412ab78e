# The entry point to everything. Each target is one line of work for a script under
# hack/ or charts/, so that what CI runs and what you run is the same.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# CLUSTER=current IMAGE_REGISTRY=registry.example.com/team: the demo on a cluster of yours.
export CLUSTER IMAGE_REGISTRY
# MODE=extender: the pod-set planner's demo without scheduling gates.
export MODE
CLUSTER ?= local

help: ## Lists these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## From nothing to two running Workloads; on your own cluster: CLUSTER=current IMAGE_REGISTRY=…
	@hack/demo/demo.sh

demo-down: ## Removes what the demo has made; takes the same CLUSTER
	@hack/demo/down.sh

demo-planner: ## From nothing to a pod set that runs as planned, on three nodes beside the demo's; takes CLUSTER, and MODE=extender
	@hack/demo/planner.sh

demo-planner-down: ## Removes what demo-planner has made; takes the same CLUSTER
	@hack/demo/planner-down.sh

test: ## Runs every test there is; the last line counts the steps that passed and failed
	@hack/test/run.sh

test-unit: ## Runs the tests that need no cluster
	@hack/deps.sh tests
	@hack/tools/install.sh registry helm
	cargo test --locked --workspace

lint: ## Checks formatting, clippy, each crate alone, dependencies, scripts and workflows
	@hack/test/run.sh lint

charts-test: ## Tests the charts; with TEST_KUBECONFIG=<file> also against that cluster
	@hack/tools/install.sh helm
	@hack/test/with-tools.sh charts/test.sh

e2e: ## Runs the end-to-end tests on the cluster that the demo has started
	@hack/test/e2e.sh

bench: ## Measures the controllers against writers that do not think; FLAGS=… as score-bench --help says
	@hack/bench/bench.sh $(FLAGS)

bench-planner: ## Measures planning, and the planner beside the scheduler alone; FLAGS=… as score-bench --help says
	@hack/bench/planner.sh $(FLAGS)

deny: ## Checks licences, sources and known vulnerabilities of all dependencies (needs a network)
	@hack/test/deny.sh

fmt: ## Formats the Rust code
	cargo fmt --all

crds: ## Generates crds/ from crates/api-types and crates/podset-types
	UPDATE_CRDS=1 cargo test --locked --package api-types --package podset-types --test crds

images: ## Builds all images; with IMAGE_REGISTRY=… also pushes them there
	@hack/demo/images.sh

cluster-up: ## Starts the local Kubernetes, empty; NODES=3 for more than one
	@hack/cluster/cluster up $(NODES)

cluster-down: ## Removes the local Kubernetes
	@hack/cluster/cluster down

clean: ## Removes what was built; the cache folder of tools and images stays
	cargo clean

.PHONY: help demo demo-down demo-planner demo-planner-down test test-unit lint charts-test e2e bench bench-planner deny fmt \
	crds images cluster-up cluster-down clean
