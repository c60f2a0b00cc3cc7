# Two commands do everything: `make study` and `make test`. Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# MNIST beside the checkout, if it is there and nothing else is said.
ifndef LATENTSWEEP_DATA
ifneq ($(wildcard ../shared/data/mnist),)
export LATENTSWEEP_DATA := $(abspath ../shared/data)
endif
endif

# Python's compiled files are kept, whatever the environment says: they save seconds a process.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: study test test-all test-optimised fuzz torture mutants bench validate lint types docs check clean words \
	screenshots

RUN ?= runs/mnist

study: $(VENV)/installed
	$(BIN)/latentsweep run

# MARKED=browser, say, runs those tests instead of the quick ones.
test: $(VENV)/ready-to-test
	$(BIN)/python -m pytest $(if $(MARKED),-m "$(MARKED)")

test-all:
	$(MAKE) test MARKED="not gpu"

# The numerical tests on programs compiled as users' are, with all of XLA's optimisations.
test-optimised: $(VENV)/ready-to-test
	OPTIMISED=1 $(BIN)/python -m pytest tests/model tests/training tests/evaluation

# Damaged files and nonsense for every reader, anew each time: some minutes.
EXAMPLES ?= 2000
fuzz: $(VENV)/ready-to-test
	FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -m slow tests/data/test_fuzz_readers.py

# Mistakes planted in the code: which does no test catch? It goes on where it was; MINUTES=30, say.
MINUTES ?= 10
mutants: $(VENV)/ready-to-mutate
	$(BIN)/python tests/mutants.py run --minutes $(MINUTES)

# A tiny run is killed, looked at half written, damaged and led astray: does any command break?
SECONDS ?= 300
torture: $(VENV)/ready-to-test
	$(BIN)/python benchmarks/torture.py --seconds $(SECONDS)

# ONLY=pytorch (or pytorch-compile, keras, keras-defaults, pythae) asks one peer alone, and writes nothing.
bench: $(VENV)/installed
	$(BIN)/python benchmarks/bench.py $(if $(ONLY),--only $(ONLY))

# The recommendation on data of known dimension: three quarters of an hour at most; it goes on where it was.
validate: $(VENV)/installed
	$(BIN)/python benchmarks/validate.py

lint: $(VENV)/ready-to-check
	$(BIN)/ruff check src tests docs benchmarks examples
	$(BIN)/ruff format --check src tests docs benchmarks examples

types: $(VENV)/ready-to-check
	$(BIN)/pyright

words: $(VENV)/ready-to-test
	$(BIN)/python docs/make_words.py

# Pictures of a run's report and explorer for the docs; needs Chromium.
screenshots: $(VENV)/ready-to-test
	$(BIN)/latentsweep report $(RUN)
	$(BIN)/latentsweep explore $(RUN) --no-open
	$(BIN)/python docs/make_screenshots.py $(RUN)
	$(BIN)/python docs/make_explorer_pictures.py $(RUN)

docs: $(VENV)/installed
	$(BIN)/python docs/make_cli.py
	$(BIN)/python docs/make_study.py

check: lint types test-all test-optimised

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/pip:
	@echo "Setting up $(VENV): once, a minute or two ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "latentsweep needs Python 3.11 or newer; say which with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1' -c constraints.txt

$(VENV)/installed: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --editable . -c constraints.txt
	@touch $@

$(VENV)/ready-to-test: $(VENV)/installed
	$(BIN)/pip install --quiet --group test -c constraints.txt
	@touch $@

$(VENV)/ready-to-check: $(VENV)/ready-to-test
	$(BIN)/pip install --quiet --group lint -c constraints.txt
	@touch $@

$(VENV)/ready-to-mutate: $(VENV)/ready-to-test
	$(BIN)/pip install --quiet --group mutants -c constraints.txt
	@touch $@
