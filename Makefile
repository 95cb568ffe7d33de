# make demo   install, generate data, train leave-one-subject-out, evaluate, export
# make test   install with the tools of development, check style, run the tests
# make bench  install with PyTorch, compare the speed of training; LISTS=... DATA_ROOT=... for other data
PYTHON ?= python3
BIN := .venv/bin
DEMO := data/demo
RUN := runs/demo
# Of `make bench`; the demo's where not given.
LISTS ?= $(DEMO)/MEGC2019/v_cde_flow
DATA_ROOT ?= $(DEMO)

.PHONY: demo test bench format clean

demo: .venv/installed
	rm -rf $(DEMO) $(RUN)
	$(BIN)/dualatme-demo --output=$(DEMO)
	$(BIN)/python train.py --lists=$(DEMO)/MEGC2019/v_cde_flow --data_root=$(DEMO) --workdir=$(RUN) \
		--batch_size=32 --epochs=21 --final_model
	$(BIN)/python evaluate.py --workdir=$(RUN)

test: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest

bench: .venv/installed-bench
	test -d $(LISTS) || $(BIN)/dualatme-demo --output=$(DEMO)
	$(BIN)/python benchmarks/bench_train.py --lists=$(LISTS) --data_root=$(DATA_ROOT) --epochs=7

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv $(DEMO) $(RUN) *.egg-info .pytest_cache .ruff_cache

# Debian's python3 comes without venv.
.venv/bin/pip:
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -y -qq python3-venv; \
		else \
			echo "Python's venv is missing: install the package python3-venv"; exit 1; \
		fi; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -qq --upgrade pip

.venv/installed: .venv/bin/pip pyproject.toml
	$(BIN)/pip install -qq --editable .
	touch $@

.venv/installed-dev: .venv/bin/pip pyproject.toml
	$(BIN)/pip install -qq --editable '.[dev]'
	touch $@ .venv/installed

.venv/installed-bench: .venv/bin/pip pyproject.toml
	$(BIN)/pip install -qq --editable '.[bench]'
	touch $@ .venv/installed
