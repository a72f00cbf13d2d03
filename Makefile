# The loop: make up, make test, make check. Everything runs from .venv, which is made from requirements.lock when it is missing or old.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

# The tests start hundreds of processes: without bytecode each would compile the library anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up down test day check format bench lock clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "transload needs Python 3.11 or newer, found " + sys.version.split()[0] + ": run make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

up: $(INSTALLED) ## the whole platform on this machine
	@$(BIN)/transload local up

down: $(INSTALLED) ## stop the local cloud
	@$(BIN)/transload local down

test: $(INSTALLED) ## every test but the whole day
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not day"

day: $(INSTALLED) ## a whole day of the five jobs, everything delivered twice
	@$(BIN)/pytest -m day

check: $(INSTALLED) ## format, lint, types, links in the docs
	@$(BIN)/ruff format --check --diff .
	@$(BIN)/ruff check .
	@$(BIN)/ty check
	@$(BIN)/python docs/check_links.py

format: $(INSTALLED) ## write the format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(INSTALLED) ## measure, write build/bench.json
	@$(BIN)/python bench/run.py

lock: ## renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile -q pyproject.toml --all-extras --group dev --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o requirements.lock

clean: down ## remove what make made
	rm -rf .venv build .transload
