# The ways to use this repository. Each target installs what it lacks and shows what it does.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build demo test lint prove bench

export PATH := $(PATH):$(HOME)/.cargo/bin
target := $(or $(CARGO_TARGET_DIR),target)

help: ## what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

build: ## target/release/dtim
	@.ci/need build
	.ci/cargo build --release
	@[ $(target)/release/dtim -ef target/release/dtim ] || install -D $(target)/release/dtim target/release/dtim

demo: build ## a mesh of real processes on this machine that proves itself, in a minute
	target/release/dtim demo

test: ## all tests, with reduced counts; the deciding half first
	@.ci/need build test
	.ci/cargo test --release --no-default-features
	.ci/cargo test --release --doc
	.ci/cargo build --release --examples
	.ci/cargo test --release --lib --bins --tests

lint: ## format, clippy, documentation, dependencies
	@.ci/need build deny
	cargo fmt --check
	.ci/cargo clippy --release --no-default-features --all-targets -- -D warnings
	.ci/cargo clippy --release --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" .ci/cargo doc --release --no-deps
	cargo deny --log-level error check bans licenses sources

prove: build ## the full figures; the report is under target/prove
	@.ci/need test
	rm -rf target/prove && mkdir -p target/prove
	.ci/cargo build --release --examples
	PROPTEST_CASES=100000 .ci/cargo test --release --no-default-features --lib privacy:: | tee target/prove/markings.txt
	DTIM_PROVE=1 DTIM_PROVE_DIR=$(CURDIR)/target/prove .ci/cargo test --release --lib --bins --tests
	@head -n 1000 target/prove/*.txt

bench: ## the measurements of benches/, beside their peers
	@.ci/need build test bench
	.ci/cargo bench --profile release --bench '*'
