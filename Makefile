PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

# Options of `make pipeline`, such as --shipped or --generated.
PIPELINE ?=

# Options of `make results`, such as --quick, --workers 8 or --cluster FILE.yaml.
RESULTS ?=

# Exact versions instead of the newest that pyproject.toml allows: CONSTRAINTS=constraints.txt.
CONSTRAINTS ?=

.PHONY: demo pipeline results report notebooks docs test lint install constraints clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --editable ".[train,experiments,dev]"
	touch $(INSTALLED)

demo: $(INSTALLED)
	$(BIN)/python -m launcher.demo

pipeline: $(INSTALLED)
	$(BIN)/python -m experiments.commands.pipeline $(PIPELINE)

results: $(INSTALLED)
	$(BIN)/python -m experiments.commands.results $(RESULTS)

report: $(INSTALLED)
	$(BIN)/python -m experiments.report
	$(BIN)/python -m experiments.report.reproduction --optional

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "site/index.html; $(BIN)/python -m http.server --directory site shows it at http://localhost:8000"

notebooks: $(INSTALLED)
	$(BIN)/python -m tests.notebooks

test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

constraints: $(INSTALLED)
	(grep '^#' constraints.txt; $(BIN)/python -m pip list --format freeze --exclude-editable \
		| grep -v -i -E '^(pip|setuptools|wheel)==') > .constraints.new
	mv .constraints.new constraints.txt

clean:
	rm -rf .venv build site *.egg-info .import_linter_cache
