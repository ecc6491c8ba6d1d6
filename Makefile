# Two commands for a newcomer: `make run` and `make test`. Needs python3 (3.11 or newer), pip and make.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check --quiet install
WORKERS ?= 2
unexport PYTHONDONTWRITEBYTECODE # a server is two processes and the tests start hundreds, each from bytecode

.PHONY: run test test-postgres check bench soak mutation promises lock sbom audit docs screens spark dist clean

run: $(VENV)/core.stamp
	@exec $(BIN)/hongshu demo

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test-postgres: $(VENV)/dev.stamp
	HONGSHU_TEST_STORE=postgresql $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ON_POSTGRES)

ON_POSTGRES ?= $(addprefix tests/,wire money collecting watching delivering keeping console commands feeds scheduling assistants conformance)

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/dev.stamp $(VENV)/bench.stamp
	$(BIN)/python benchmarks/metering.py
	$(BIN)/python benchmarks/collecting.py
	$(BIN)/python benchmarks/exporting.py
	$(BIN)/python benchmarks/upserting.py
	$(BIN)/python benchmarks/planning.py
	$(BIN)/python benchmarks/analytics.py
	$(BIN)/python benchmarks/console.py
	$(BIN)/python benchmarks/importing.py
	$(BIN)/python benchmarks/moving.py
	$(BIN)/python benchmarks/units.py
	$(BIN)/python benchmarks/working.py

soak: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m soak --timeout 3600 --figures=docs/figures.json
	$(MAKE) mutation

mutation: $(VENV)/dev.stamp $(VENV)/mutation.stamp
	$(BIN)/python benchmarks/mutating.py $(MUTATED)

promises: $(VENV)/dev.stamp # runs all tests, and writes what those of promises found
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --figures=docs/figures.json
	$(BIN)/python tests/promised/pages.py

docs: $(VENV)/dev.stamp
	$(BIN)/python -m hongshu.config reference > docs/reference/settings.md
	$(BIN)/python -m hongshu.config example > docs/hongshu.example.toml
	$(BIN)/python -m hongshu.analytics > docs/reference/metrics.md

screens: $(VENV)/dev.stamp
	$(BIN)/python tests/reports/showcase.py docs/screens
	$(BIN)/python tests/console/showcase.py docs/screens/console

lock: $(VENV)/dev.stamp
	$(BIN)/uv pip compile --quiet $(LOCK) requirements/build.in -o requirements/build.txt
	$(BIN)/uv pip compile --quiet $(LOCK) pyproject.toml -o requirements/core.txt
	$(BIN)/uv pip compile --quiet $(LOCK) -c requirements/core.txt --extra dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet $(LOCK) -c requirements/dev.txt $(IMAGE) pyproject.toml -o requirements/image.txt
	$(BIN)/uv pip compile --quiet $(LOCK) -c requirements/dev.txt requirements/bench.in -o requirements/bench.txt
	$(BIN)/uv pip compile --quiet $(LOCK) -c requirements/dev.txt requirements/mutation.in -o requirements/mutation.txt
	$(BIN)/uv pip compile --quiet $(LOCK) -c requirements/dev.txt --extra spark pyproject.toml -o requirements/spark.txt
	$(BIN)/uv pip compile --quiet $(LOCK) -c requirements/dev.txt requirements/speed.in -o requirements/speed.txt

LOCK := -c requirements/floors.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header
IMAGE := --extra analytics --extra cloud --extra jobs --extra mcp --extra notify --extra otel --extra postgres --extra sheets

sbom: $(VENV)/dev.stamp # what is shipped, from the pins and the licences of what is installed
	$(BIN)/python supply/sbom.py > docs/supply/sbom.json
	$(BIN)/python supply/licences.py > docs/licences.md

audit: $(VENV)/dev.stamp # ADVISORIES: a folder or zip in the OSV format, such as PyPI/all.zip of osv.dev
	@$(BIN)/python supply/audit.py $(ADVISORIES)

$(VENV)/bin/python:
	@echo "Setting up $(VENV), once …"
	@$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/core.stamp: requirements/build.txt requirements/core.txt pyproject.toml | $(VENV)/bin/python
	@$(PIP) --require-hashes -r requirements/build.txt -r requirements/core.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt | $(VENV)/core.stamp
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/bench.stamp: requirements/bench.txt | $(VENV)/dev.stamp
	@$(PIP) --require-hashes -r requirements/bench.txt
	@touch $@

$(VENV)/mutation.stamp: requirements/mutation.txt | $(VENV)/dev.stamp
	@$(PIP) --require-hashes -r requirements/mutation.txt
	@touch $@

$(VENV)/spark.stamp: requirements/spark.txt | $(VENV)/dev.stamp
	@$(PIP) --require-hashes -r requirements/spark.txt
	@touch $@

spark: $(VENV)/spark.stamp

DIST ?= dist
dist: export SOURCE_DATE_EPOCH := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),1767225600)
dist: $(VENV)/core.stamp # the same bytes from the same sources
	@mkdir -p $(DIST)
	@umask 022; $(BIN)/python -c "from flit_core import buildapi as b; [print(f('$(DIST)')) for f in (b.build_sdist, b.build_wheel)]"

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist mutants
