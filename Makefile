# Two commands do everything, set-up included: `make sweep` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Tests wait for thousands of small files to be on disk: they lie in memory where it has room, and go when a test has passed.
MEMORY := $(shell [ -w /dev/shm ] && [ $$(df --output=avail -k /dev/shm | tail -1) -gt 4000000 ] && echo /dev/shm)
PYTEST := $(if $(MEMORY),PYTEST_DEBUG_TEMPROOT=$(MEMORY) )$(BIN)/python -m pytest -o tmp_path_retention_policy=failed

.PHONY: sweep test nightly lint setup

sweep: $(READY)
	$(BIN)/paretune sweep examples/shapes.yaml

test: lint
	$(PYTEST) -n 2 -m "not ray"
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder -m ray

# All tests at full length: ten thousand mutated data sets and as many mutated sweep files, a driver killed at every write,
# the study in a PostgreSQL of our own (Debian's package `postgresql`), clusters that lose their head, and sweeps whose
# processes are killed 450 times, with a line for each kill.
nightly: $(READY)
	PARETUNE_NIGHTLY=1 $(PYTEST) -n 2 -m "not ray"
	PARETUNE_NIGHTLY=1 $(PYTEST) -o log_cli=true -o log_cli_level=INFO -m ray

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "paretune needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $(READY)
