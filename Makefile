# Tamshy: `make help` says what can be made. Everything goes into .venv and node_modules; nothing else is touched.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Hundreds of processes that the tests start read what the first has compiled, also where the machine's setting forbids keeping it.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

POSTGRES_OLDEST := /usr/lib/postgresql/15/bin
# What the suite on the oldest PostgreSQL covers: the way to the database, and the engine's statements.
OLDEST_TESTS := $(wildcard tests/unit/sqlkit tests/engine tests/contract)
# Processes that share the tests, a file at a time; each has a database server of its own. WORKERS=0: all in one.
WORKERS ?= 3
SIDE_BY_SIDE = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# The same for the large proofs, a proof at a time: most of them wait for kills, leases and moments. PROVERS=0: all in one.
PROVERS ?= 3
PROOFS := prove$(if $(FULL),, and not full)

##@ Start

.PHONY: help
help: ## Say what can be made
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.installed node_modules/.installed ## Install what Tamshy and its tests need into this folder
	@echo "ready: $(BIN)/tamshy --help, make demo, make test"

.PHONY: demo
demo: $(VENV)/.installed node_modules/.installed ## Run a whole shop to play with; prints the address to open
	@$(BIN)/tamshy demo $(ARGS)

##@ Check

.PHONY: test
test: setup peers check ## Check everything and run all tests, on the newest and the oldest PostgreSQL
	@if [ -x $(POSTGRES_OLDEST)/postgres ]; then \
		echo "== tests on PostgreSQL 15"; \
		TAMSHY_TEST_PROGRAMS=$(POSTGRES_OLDEST) $(BIN)/python -m pytest -q -m "database and not newest and not prove and not browser and not slow" $(SIDE_BY_SIDE) $(OLDEST_TESTS); \
	fi
	@echo "== tests"
	@$(BIN)/python -m pytest -m "not prove" $(SIDE_BY_SIDE) $(ARGS)

.PHONY: check
check: $(VENV)/.installed ## Format, lint, types, layers: fast, and without running anything
	@echo "== format";  $(BIN)/ruff format --check --quiet . || { echo "mend with: $(BIN)/ruff format ."; exit 1; }
	@echo "== lint";    $(BIN)/ruff check --quiet .
	@echo "== types";   $(BIN)/mypy --no-error-summary
	@echo "== layers";  $(BIN)/lint-imports --config pyproject.toml >.lint-imports.log 2>&1 \
		|| { cat .lint-imports.log; exit 1; }

.PHONY: prove
prove: setup provers ## Run the large proofs: kills, floods, lies, long histories; FULL=1 also those of the tests themselves
	@failed=0; \
		echo "== what is measured, alone"; \
		$(BIN)/python -m pytest -m "$(PROOFS) and alone" $(ARGS) || [ $$? -eq 5 ] || failed=1; \
		echo "== what waits most of the time, side by side"; \
		$(BIN)/python -m pytest -m "$(PROOFS) and not alone" -n $(PROVERS) --dist load --maxschedchunk 1 $(ARGS) || [ $$? -eq 5 ] || failed=1; \
		exit $$failed

.PHONY: bench
bench: $(VENV)/.installed ## Measure this machine, beside its raw limits; FULL=1 at full size
	@$(BIN)/tamshy bench --size $(if $(FULL),full,short) --out benchmarks/results $(ARGS)

.PHONY: gallery
gallery: $(VENV)/.installed peers ## Take pictures of every mail of the recipes, have SpamAssassin score each, into build/gallery
	@$(BIN)/python -m examples.gallery.make $(ARGS)

##@ Keep

.PHONY: format
format: $(VENV)/.installed ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .

.PHONY: lock
lock: ## Choose the newest versions that fit pyproject.toml and package.json, and write the locks
	@$(PIP) install uv
	@$(BIN)/uv pip compile pyproject.toml --group dev $(LOCK_OPTIONS) -o requirements-dev.lock
	@$(BIN)/uv pip compile pyproject.toml -c requirements-dev.lock $(LOCK_OPTIONS) -o requirements.lock
	@npm install --package-lock-only

.PHONY: clean
clean: ## Remove what was installed and cached here (data of a demo stays)
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist

# --- what the targets above stand on ---------------------------------------------------------------------------------

# Locks hold hashes and no addresses: each machine installs from where it is set up to, and gets the same files.
LOCK_OPTIONS := --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header --quiet

$(VENV)/.installed: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Tamshy needs Python 3.11 or newer; name one: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@echo "installing Python packages into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.installed: package-lock.json package.json .npmrc
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' \
		|| { echo "the demo and the tests need Node.js 20 or newer"; exit 2; }
	@echo "installing Node packages into node_modules"
	@npm ci --silent
	@touch $@

.PHONY: peers
peers:
	@.ci/debian chromium=/usr/bin/chromium postgresql-15=$(POSTGRES_OLDEST)/postgres postfix=/usr/sbin/smtp-sink spamassassin=/usr/bin/spamassassin

.PHONY: provers
provers: peers
	@.ci/debian sqlmap=/usr/bin/sqlmap
