# Two commands do everything, set-up included: `make sweep` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: sweep test nightly lint setup

sweep: $(READY)
	$(BIN)/paretune sweep examples/shapes.yaml

test: lint
	$(BIN)/python -m pytest -n 2 -m "not ray"
	$(BIN)/python -m pytest -n 2 --dist loadfile -m ray

# All tests at full length: ten thousand mutated data sets and as many mutated sweep files, a driver killed at every write,
# the study in a PostgreSQL of our own (Debian's package `postgresql`), clusters that lose their head, and sweeps whose
# processes are killed 450 times, with a line for each kill.
nightly: $(READY)
	PARETUNE_NIGHTLY=1 $(BIN)/python -m pytest -n 2 -m "not ray"
	PARETUNE_NIGHTLY=1 $(BIN)/python -m pytest -o log_cli=true -o log_cli_level=INFO -m ray

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
