# What people type; what CI runs. Nothing is installed outside .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

.PHONY: demo test check fix bench clean

## demo: execute a real pipeline on the embedded model, without a key
demo: $(VENV)/installed
	$(BIN)/flowrun execute pipelines/product_page.yaml

## test: the tests; ARGS=--all adds the slow ones
test: $(VENV)/installed-dev
	scripts/test $(ARGS)

## check: formatting, lint, types
check: $(VENV)/installed-dev
	scripts/check

## fix: mend what can be mended by itself
fix: $(VENV)/installed-dev
	scripts/fix

## bench: flowrun beside a bare client; BENCH="dag fan" chooses
bench: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks $(BENCH)

clean:
	rm -rf $(VENV) out .flowrun

# The stamps are newer than pyproject.toml while what it asks for is installed.
$(VENV)/installed: pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV), once"
	@$(BIN)/python -m pip install --quiet --editable '.[local,serve]'
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV), once, with what the tests need"
	@$(BIN)/python -m pip install --quiet --editable '.[local,serve,postgres,dev]'
	@touch $(VENV)/installed $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
