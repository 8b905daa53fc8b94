# Everything a newcomer needs: `make demo` shows Clipper at work, `make test` proves it.
# Both work with a plain python3 (>= 3.11, with venv), make and a C compiler.

# The system's Python if it is new enough: it is built with optimisation, one built by hand is often half as fast.
PYTHON ?= $(shell /usr/bin/python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo /usr/bin/python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
REDIS := $(VENV)/.redis
JDK := $(VENV)/.jdk
R := $(VENV)/.r
PULSE := $(VENV)/.pulse
DEPENDENCIES := $(VENV)/.dependencies
INSTALLED := $(VENV)/.installed
HOT_PATH := $(shell sed -n 's|^    "\(.*\.py\)",$$|src/clipper/\1|p' setup.py)
CODE := $(wildcard src tests benchmarks examples experiments)
UV := uv==0.13.9

# Without byte code on disk every start of every process compiles the libraries again: seconds instead of milliseconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-frameworks check fmt bench experiments docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## train models, serve and query them, break things, learn from feedback; exits 0
	$(BIN)/clipper demo

# Two files at a time, as most tests wait for processes; in the order of their names, since the longest would else come last.
test: check $(REDIS) $(JDK) ## every check, then every test
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-frameworks: $(INSTALLED) $(JDK) $(R) $(PULSE) ## deploy real models of heavy frameworks, each in an environment of its own; gigabytes
	$(BIN)/pytest --timeout 1800 tests/frameworks

check: $(INSTALLED) ## format, lint, types, architecture; changes nothing
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

fmt: $(INSTALLED) ## format the code and fix what can be fixed safely
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

bench: $(INSTALLED) ## measure Clipper and its peers in one run
	$(BIN)/python -m benchmarks

experiments: $(INSTALLED) ## every figure of the paper again, on real data: docs/experiments.md (90 minutes)
	$(BIN)/python -m experiments

docs: $(INSTALLED) ## make docs/configuration.md, check the documentation against the code
	$(BIN)/python -m tests.docs.configuration
	$(BIN)/pytest tests/docs

setup: $(INSTALLED) $(REDIS) $(JDK) ## make .venv with the pinned dependencies, and compile the hot path

lock: ## resolve pyproject.toml again into requirements/*.lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet $(UV)
	.venv-lock/bin/uv pip compile $(LOCK_OPTIONS) --upgrade --extra sklearn --extra frameworks --group dev -o requirements/dev.lock pyproject.toml
	.venv-lock/bin/uv pip compile $(LOCK_OPTIONS) --upgrade -c requirements/dev.lock -o requirements/runtime.lock pyproject.toml

# One resolution for every supported Python and platform, by name, version and hash only: where a package is fetched from
# is the machine's business.
LOCK_OPTIONS := --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--system-certs --no-header --no-annotate --no-emit-index-url --no-emit-find-links

clean: ## remove the environment, caches and build output
	rm -rf $(VENV) .venv-lock build containers/*/build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src -name '*.so' -delete
	find src tests $(filter-out src tests,$(CODE)) -name __pycache__ -type d -prune -exec rm -rf {} +

# pip is the last thing venv installs: if it is there, the environment is whole.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Clipper needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv --clear $(VENV)

$(DEPENDENCIES): requirements/dev.lock | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

# The tests run a real Redis server, and fail without one. RUNLEVEL: Debian starts no service then, we only want the program.
$(REDIS): | $(BIN)/pip
	@command -v redis-server >/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
			apt-get install -qq --yes --no-install-recommends redis-server; } >/dev/null 2>&1 \
		|| echo "redis-server is missing (Debian: apt-get install redis-server): the tests that need it will fail"
	@touch $@

# The tests compile and run the container in Java, and fail without a JDK. Its own target says the same.
$(JDK): | $(BIN)/pip
	@command -v javac >/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -qq --yes --no-install-recommends openjdk-17-jdk-headless; } >/dev/null 2>&1 \
		|| echo "javac is missing (Debian: apt-get install openjdk-17-jdk-headless): the tests that need it will fail"
	@touch $@

# The tests of the frameworks run R itself, and fail without it.
$(R): | $(BIN)/pip
	@command -v Rscript >/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -qq --yes --no-install-recommends r-base-core; } >/dev/null 2>&1 \
		|| echo "Rscript is missing (Debian: apt-get install r-base-core): the tests of R will fail"
	@touch $@

# The binary of Julius that its package brings is linked with this, and does not start without it.
$(PULSE): | $(BIN)/pip
	@ldconfig -p | grep -q libpulse-simple \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -qq --yes --no-install-recommends libpulse0; } >/dev/null 2>&1 \
		|| echo "libpulse is missing (Debian: apt-get install libpulse0): the tests of Julius will fail"
	@touch $@

# Compiled is a fifth faster under load (docs/decisions/0015) and takes a minute. It needs Python's headers; where they are
# missing and may be installed, they are, and where that fails the hot path stays Python.
$(INSTALLED): $(DEPENDENCIES) pyproject.toml setup.py $(HOT_PATH)
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("include"), "Python.h").stat()' 2>/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -qq --yes python3-dev; } >/dev/null 2>&1 \
		|| echo "Python's headers are missing (Debian: apt-get install python3-dev): the hot path stays Python, a fifth slower"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@$(BIN)/clipper --version
	@touch $@
