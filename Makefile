# Few targets, each does what it says on a fresh machine: `make demo`, `make test`, `make check`, `make bench`.
SHELL := /bin/bash
CACHE ?= $(HOME)/.cache/windvane
export CARGO_INCREMENTAL ?= 1
export CARGO_TARGET_DIR ?= $(CACHE)/target
export UV_CACHE_DIR ?= $(CACHE)/uv
VENV := $(CACHE)/venv
BIN := $(VENV)/bin
BENCH := $(CACHE)/bench-venv
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test rust-test check bench torture mutants matrix fuzz coverage wheel fmt setup install

demo: install ## Airflow runs two generated DAGs on real input; UI=1 leaves it running
	$(BIN)/python demo/run.py

test: rust-test install ## everything, on real servers; the provider on the newest Airflow with a release and on the lowest
	tests/services/install.sh
	$(BIN)/python -m pytest $(PYTEST)
	$(BIN)/python scripts/matrix.py --only 3.0 --first

# No server, no network, no Python. Optimised as the wheel is: what both need of others' crates is compiled once.
# The same cases each time, so that a find of chance stops nobody; `PROPTEST_RNG_SEED=7 make rust-test` looks at others.
rust-test: ## the engine's own tests, in seconds
	PROPTEST_RNG_SEED=$${PROPTEST_RNG_SEED:-1} cargo test --release --locked --workspace --quiet

matrix: install ## the provider on Airflow 3.0 (lowest) to 3.4 and Python 3.10 to 3.13; prints the table
	$(BIN)/python scripts/matrix.py $(MATRIX)

check: setup ## lints, types, stale files, licences
	cargo fmt --all --check
	cargo clippy --workspace --release --locked -- -D warnings
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(MAKE) install
	$(BIN)/mypy python/windvane airflow_provider/airflow_windvane
	$(BIN)/python -m mypy.stubtest windvane._core
	$(BIN)/python -m windvane.generate --check
	scripts/deny.sh

torture: install ## 1,000 kill -9 and 500 second tries over every target, mode and way; the table goes into docs/proof.md
	tests/services/install.sh
	$(BIN)/python scripts/torture.py --write $(TORTURE)

mutants: install ## plants faults in the engine and counts those that the conformance battery finds; a survivor fails
	tests/services/install.sh
	$(BIN)/python scripts/mutants.py $(MUTANTS)

fuzz: ## tries each target of fuzz/ for FUZZ_SECONDS (60) with inputs that nobody would write; FUZZ="csv spec" chooses
	RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/fuzz/rustc.sh cargo build --release --locked --quiet -p windvane-fuzz \
	  --features libfuzzer $(foreach check,debug-assertions overflow-checks,--config profile.release.$(check)=true \
	  --config 'profile.release.package."*".$(check)=false')
	CACHE=$(CACHE) python3 scripts/fuzz.py $(CARGO_TARGET_DIR)/release/windvane-fuzz $(FUZZ)

coverage: setup ## lines of our Rust that the Rust tests and the Python suite reach; COVERAGE="--rust" for the former alone
	tests/services/install.sh
	CACHE=$(CACHE) $(BIN)/python scripts/coverage.py $(COVERAGE)

bench: install $(BENCH)/.ready ## ratios against peers, interleaved; WINDVANE_BENCH_SF10=0 saves 6 GB and minutes
	tests/services/install.sh
	$(BIN)/python tests/bench/bench_import.py
	$(BIN)/python tests/bench/bench_parse.py
	WINDVANE_BENCH_PYTHON=$${WINDVANE_BENCH_PYTHON:-$(BENCH)/bin/python} \
	WINDVANE_BENCH_DATA=$${WINDVANE_BENCH_DATA:-$(CACHE)/bench-data} $(BIN)/python tests/bench/run.py

wheel: setup ## both wheels into dist/
	$(BIN)/maturin build --release --locked --interpreter $(BIN)/python --out dist
	$(BIN)/uv build --wheel --out-dir dist airflow_provider

fmt: setup
	cargo fmt --all
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

setup: $(VENV)/.ready

# A virtual environment with Airflow and the tools, its bytecode compiled once (importing Airflow costs a third then).
$(VENV)/.ready: requirements.txt
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.8
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --requirements requirements.txt
	touch $@

# The peers of the benches, apart: their versions are those that the figures were taken with.
$(BENCH)/.ready: tests/bench/requirements.txt | setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(BENCH)
	$(BIN)/uv pip install --quiet --python $(BENCH)/bin/python --requirements tests/bench/requirements.txt
	touch $@

# Installs what it built: the wheels, not the working tree.
# Cargo judges freshness by file times, and clones share the target folder: another clone's build is never taken for ours.
install: setup
	@[ "$$(cat $(CARGO_TARGET_DIR)/.built-from 2>/dev/null)" = "$(CURDIR)" ] || touch src/lib.rs
	@mkdir -p $(CARGO_TARGET_DIR) && echo "$(CURDIR)" > $(CARGO_TARGET_DIR)/.built-from
	rm -rf $(CACHE)/dist && mkdir -p $(CACHE)/dist
	$(BIN)/maturin build --release --locked --quiet --interpreter $(BIN)/python --out $(CACHE)/dist
	$(BIN)/uv build --quiet --wheel --out-dir $(CACHE)/dist airflow_provider
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --reinstall --no-deps --compile-bytecode $(CACHE)/dist/*.whl
