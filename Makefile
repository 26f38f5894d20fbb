# The commands of this project; docs in README.md. Needs Python 3.11 or newer and make, nothing else: no root, no Docker.
# What is said on the way goes to standard error, so that standard output is each command's own.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
NODE_READY := $(addsuffix /node_modules/.ready,tests/browser tests/conformance/receivers)
# Half as many again as there are processors: much of what these tests do is wait for other processes.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3 / 2)
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test coverage check audit bench faults mutants screenshots run lock

help:
	@echo "make demo         play one whole household journey, then keep serving (ONCE=1: stop after it)"
	@echo "make test         all tests but the faults"
	@echo "make coverage     all but the browser's tests, and which branches they reach; less than 95 % is an error"
	@echo "make check        formatting, lint, types, import rules, dependencies"
	@echo "make audit        known vulnerabilities in what is locked"
	@echo "make bench        the benchmarks"
	@echo "make faults       kill, freeze, cut and fill real processes at every step; prints a table (PAGE=file: into it)"
	@echo "make mutants      do the tests notice changes in the parsers and the merge (MODULE=broker/matching.py, SAMPLE=200)"
	@echo "make screenshots  pictures of every page, in build/screenshots"
	@echo "make run          the broker alone, on the embedded store"
	@echo "make lock         resolve the lock files again (UPGRADE=1: to the newest versions)"

demo: $(READY)
	@$(BIN)/ophaalbrug demo $(if $(ONCE),--once)

run: $(READY)
	@$(BIN)/ophaalbrug serve

# The tests start hundreds of processes: none of them should compile again what another has compiled.
test coverage faults: export PYTHONDONTWRITEBYTECODE :=
test: $(READY) $(NODE_READY)
	@$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal --ignore tests/browser --ignore tests/faults
	@$(BIN)/pytest --numprocesses auto --dist worksteal tests/browser

# Counting branches makes the tests half as slow again: apart, so that nobody waits for it each time.
coverage: $(READY) $(NODE_READY)
	@$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal --cov --ignore tests/browser --ignore tests/faults

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/deptry .

audit: $(READY)
	@$(BIN)/python .ci/audit.py requirements.lock

bench: $(READY)
	@$(BIN)/python -m bench.run
	@$(BIN)/python -m bench.idle

faults: $(READY)
	@$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal $(if $(PAGE),--page $(PAGE)) tests/faults

mutants: $(READY)
	@nice $(BIN)/python .ci/mutants.py $(if $(MODULE),--module $(MODULE)) $(if $(SAMPLE),--sample $(SAMPLE))

screenshots: $(READY)
	@$(BIN)/python -m tests.browser.screens

lock: $(READY)
	@$(LOCK) $(if $(UPGRADE),--upgrade) --extra sandbox pyproject.toml --output-file requirements.lock
	@$(LOCK) $(if $(UPGRADE),--upgrade) --all-extras --group dev pyproject.toml --output-file requirements-dev.lock
	@echo hatchling | $(LOCK) --constraints requirements-dev.lock - --output-file requirements-build.lock

# Set up once, and again only when what is locked or declared has changed. The stamp is written last.
$(READY): requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing what requirements-dev.lock names into .venv (about a minute the first time) ..." >&2
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-dev.lock >&2
	@$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable . >&2
	@touch $@

# What the tests need of Node: of the pages, and of receivers. Without npm those checks are skipped, and say so.
$(NODE_READY): %/node_modules/.ready: %/package-lock.json %/.npmrc
	@if command -v npm >/dev/null; then cd $* && npm ci --silent >&2 && touch node_modules/.ready; \
		else echo "npm is not installed: what $* needs of it is skipped." >&2; fi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo "This Python cannot make a virtual environment: install python3-venv (apt install python3-venv)." >&2; exit 1; }
	@$(PYTHON) -m venv .venv >&2
