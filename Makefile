# The commands of the project; docs/how-to/run-a-service.md shows them without make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# schemathesis cannot share an environment with the other tools.
GENERATED := $(VENV)/schemathesis
# The builder of the site needs nothing of the project, and brings much.
SITE := $(VENV)/docs
# Generators and linters of npm, which run with the Node of that environment.
NPM := $(VENV)/npm
# The app and the port of `make run`.
APP ?= app1
PORT ?= 8000
# Processes that share the tests out. Each has a server of its own: that of the second is TEST_DATABASE_URL_2.
WORKERS ?= $(if $(TEST_DATABASE_URL),1,2)
# Servers, poolers, proxies, browsers, generators and environments of their own.
SYSTEM_TESTS := tests/benchmarks tests/console tests/deployment tests/distributed tests/faults tests/generated tests/packaging
# What runs on partitions, and through a front, as on one ledger; tests/fixtures/by_design.py names what does not.
CLUSTER_TESTS := $(addprefix tests/,sql client http concurrency)
FRONT_TESTS := $(addprefix tests/,sql client http)
# An environment with another version of Python, and what runs in it.
OTHER := .venv/$(notdir $(PYTHON))
PYTHON_TESTS ?= tests/unit tests/client tests/frameworks tests/packaging apps
SQL := $(wildcard sql migrations apps/*/migrations)

# Byte code is kept: tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install run test test-system test-cluster test-front test-python check docs faults generated bench format lock release-snapshot

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

install: $(STAMP) ## make .venv with the locked dependencies (nothing to do when they are there)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; say which with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "No virtual environment could be made (Debian: apt install python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(GENERATED)/.installed: tests/generated/requirements.lock | $(STAMP)
	@test -x $(GENERATED)/bin/python || $(PYTHON) -m venv $(GENERATED)
	$(GENERATED)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Without the network they are left out: their tests skip, and `make check` says that it does not lint.
$(NPM)/.installed: tests/generated/clients/package-lock.json | $(GENERATED)/.installed
	@mkdir -p $(NPM) && cp tests/generated/clients/package.json $< $(NPM)
	@cd $(NPM) && export PATH="$(abspath $(GENERATED)/bin):$$PATH" \
		&& npm ci --silent --fetch-retries 1 --ignore-scripts --no-audit --no-fund && touch .installed \
		|| { rm -rf node_modules; echo "npm cannot install the packages of $<"; }

$(SITE)/.installed: docs/site/requirements.lock | $(STAMP)
	@test -x $(SITE)/bin/python || $(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

run: install ## serve APP (app1) on http://127.0.0.1:PORT (8000)
	@exec $(BIN)/ledger serve $(APP) --host 127.0.0.1 --port $(PORT)

test: install ## run the tests; fewer with ARGS="tests/sql tests/http"
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(or $(ARGS),$(addprefix --ignore ,$(SYSTEM_TESTS)))

test-system: install $(GENERATED)/.installed $(NPM)/.installed ## run the tests that start whole systems, which take longer
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(SYSTEM_TESTS)

test-cluster: install ## run the tests again on partitions of a cluster
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --cluster --hypothesis-profile brief $(CLUSTER_TESTS)

test-front: install ## run the tests again through a front of a cluster
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --front --hypothesis-profile brief $(FRONT_TESTS)

test-python: ## run what depends on the version of Python with another: PYTHON=python3.13
	@$(MAKE) --no-print-directory install VENV=$(OTHER)
	$(OTHER)/bin/pytest -n $(WORKERS) --dist worksteal $(PYTHON_TESTS)

check: install $(NPM)/.installed ## run all static checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar $(SQL)
	@# By comparison: unasyncd --check never fails, and without it the exit code is 1 for a change.
	@for module in ledger_py/client ledger_py/cluster/client ledger_py/cluster/claims; do \
		rm -f $(VENV)/client.py; $(BIN)/unasyncd --quiet $${module}_async.py:$(VENV)/client.py; \
		diff -u $$module.py $(VENV)/client.py || { echo "Out of date; run: make format"; exit 1; }; \
	done
	$(BIN)/python -m tests.generated.lint
	$(BIN)/python -m pip check --disable-pip-version-check
	$(BIN)/pytest -q tests/unit/test_lock.py tests/documents/test_changelog.py

docs: install $(SITE)/.installed ## write the reference from the code, and build the site into build/docs/index.html
	$(BIN)/python -m tests.documents.reference
	$(SITE)/bin/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env -j 2 -c docs/site . build/docs
	@echo "Open build/docs/index.html"

faults: install ## kill, pause and cut off, or roll a release out, under load; more with ARGS=--help
	$(BIN)/python -m tests.faults $(ARGS)

generated: install $(GENERATED)/.installed ## test the services with many generated requests; more with ARGS=--help
	$(BIN)/python -m tests.generated $(ARGS)

bench: install ## measure against floors in the same run; more with ARGS=--help
	$(BIN)/python -m tests.benchmarks $(ARGS)

format: install ## rewrite files to the house format, the generated client and .env.example
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@$(BIN)/unasyncd --quiet || $(BIN)/unasyncd # the first run exits with 1 when it has changed something
	$(BIN)/python -m ledger_py.settings > .env.example

lock: install ## resolve the dependencies anew into requirements.lock (needs the network)
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet --disable-pip-version-check uv
	env -u UV_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS $(VENV)/lock/bin/uv pip compile --quiet --no-config \
		--universal --python-version 3.11 --generate-hashes --group dev --all-extras pyproject.toml -o requirements.lock \
		--default-index https://pypi.org/simple --custom-compile-command "make lock" --no-annotate
	env -u UV_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS $(VENV)/lock/bin/uv pip compile --quiet --no-config \
		--universal --python-version 3.11 --generate-hashes --group generated -o tests/generated/requirements.lock \
		--default-index https://pypi.org/simple --custom-compile-command "make lock" --no-annotate
	env -u UV_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS $(VENV)/lock/bin/uv pip compile --quiet --no-config \
		--universal --python-version 3.11 --generate-hashes --group docs -o docs/site/requirements.lock \
		--default-index https://pypi.org/simple --custom-compile-command "make lock" --no-annotate

release-snapshot: install ## freeze migrations/ and sql/ as those of the version in pyproject.toml
	$(BIN)/python -m tests.migration.released
