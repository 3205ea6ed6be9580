# One list of commands for people, hooks and CI. Needs python 3.11 or newer with pip, make and a package index.
# The environment is made without pip inside, because some systems ship Python without ensurepip; pip installs into it
# from outside.
PY    ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV  ?= .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
N     ?= 2
ARGS  ?=
SEEDED  ?= .mpac-seeded
INTENTS ?= 10000000
# The limits are checked, but one merchant with one address may use them all; QR pictures are the simulator's work alone.
BENCH := MPAC_RATE_LIMIT_GLOBAL=10000000 MPAC_RATE_LIMIT_MERCHANT=10000000 MPAC_RATE_LIMIT_ADDRESS=10000000 MPAC_SIM_QR_IMAGE=0

.DEFAULT_GOAL := help
.PHONY: help run demo test check lint format types borders generated generate migrations-check bench bench-seed bench-grown bench-statement bench-login fuzz lock clean-state

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY) ## start the whole platform here, sell once, stay until Ctrl-C
	@$(BIN)/python -m config.local run

demo: $(READY) ## start, make the first sale, stop; fails if any step fails
	@$(BIN)/python -m config.local demo

clean-state: $(READY) ## forget the local platform's data and secrets
	@$(BIN)/python -m config.local clean-state

test: $(READY) ## run the tests on throw-away servers (ARGS="-k ..." chooses)
	$(BIN)/python -m pytest -n $(N) --dist worksteal $(ARGS)

check: lint types borders generated migrations-check test ## everything that CI runs

lint: $(READY) ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## mend the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY) ## static types
	$(BIN)/python -m config.local.offline -m mypy

borders: $(READY) ## who may import whom
	$(BIN)/lint-imports

generated: $(READY) ## the checked-in OpenAPI document, event schemas and diagrams are those of the code
	$(BIN)/python -m config.local.offline manage.py generate --check

generate: $(READY) ## write them anew
	$(BIN)/python -m config.local.offline manage.py generate

migrations-check: $(READY) ## the migrations say what the models say
	$(BIN)/python -m config.local.offline -W 'ignore:Got an error checking:RuntimeWarning' manage.py makemigrations --check --dry-run

bench: $(READY) ## measure a throw-away platform, and the filled one beside it if there is one (bench/README.md)
	@$(BENCH) $(BIN)/python -m config.local bench-platform -- $(BIN)/python -m bench $(ARGS)
	@$(if $(ARGS),:,test ! -d $(SEEDED) || $(MAKE) --no-print-directory bench-grown)
	@$(if $(ARGS),:,test -d $(SEEDED) || echo "not compared with a full database: make bench-seed fills one")

bench-seed: $(READY) ## fill a platform of its own with payments (INTENTS=10000000, 50 GB; goes on where it stopped)
	@$(BIN)/python -m config.local bench-platform --state $(SEEDED) --loading -- $(BIN)/python -m bench seed --intents $(INTENTS)

bench-grown: $(READY) ## create intents on an empty platform and on the filled one, in turns
	@$(BENCH) $(BIN)/python -m bench grown --state $(SEEDED) $(ARGS)

bench-statement: $(READY) ## take in and compare a statement of 1,000,000 lines (ARGS="--lines 10000 --kill" chooses)
	@$(BIN)/python -m config.local bench-platform -- $(BIN)/python -m bench.reconciliation $(ARGS)

bench-login: $(READY) ## ask whether the time of a refused sign-in tells which accounts there are (ARGS="--tries 1000" chooses)
	@$(BENCH) MPAC_RATE_LIMIT_SIGN_IN_ACCOUNT=10000000 MPAC_RATE_LIMIT_SIGN_IN_ADDRESS=10000000 $(BIN)/python -m config.local bench-platform -- $(BIN)/python -m bench.login_timing $(ARGS)

fuzz: $(READY) ## call every operation of a throw-away platform with odd data for 5 minutes (ARGS="--max-time 60" chooses)
	@$(BENCH) MPAC_RATE_LIMIT_PARTNER=10000000 MPAC_RATE_LIMIT_SIGN_IN_ADDRESS=10000000 $(BIN)/python -m config.local bench-platform -- $(BIN)/python -m tests.fuzzing $(ARGS)

lock: $(READY) ## pin the dependencies anew from requirements*.in
	$(BIN)/uv pip compile --quiet --no-header --no-annotate --universal --python-version 3.11 --upgrade requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --no-header --no-annotate --universal --python-version 3.11 -c requirements.txt requirements-dev.in -o requirements-dev.txt

$(READY): requirements.txt requirements-dev.txt
	@test -n "$(PY)" || { echo "Python 3.11 or newer is needed; name it with PY=/path/to/python3"; exit 1; }
	@$(PY) -m pip --version >/dev/null 2>&1 || { echo "$(PY) has no pip; install it (Debian: python3-pip)"; exit 1; }
	@echo "installing the dependencies into $(VENV)"
	@$(BIN)/python -c '' 2>/dev/null || $(PY) -m venv --clear --without-pip $(VENV)
	@$(PY) -m pip --python $(BIN)/python install --disable-pip-version-check --quiet --requirement requirements-dev.txt
	@touch $@
