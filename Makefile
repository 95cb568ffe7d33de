# make demo   install, paint clips, prepare them, train leave-one-subject-out, evaluate, export, recognise a clip
# make test   install with the tools of development, check style, run the tests
# make test-long  the tests that `make test` leaves out for their time (minutes)
# make docs   install with mkdocs, build the documentation to site/; a dead link fails
# make test-docs  install with mkdocs, run every block of README and docs and the notebook (minutes)
# make test-jax  install beside it with JAX, run the tests of what runs on every backend of Keras
# make test-app install with axe, drive the page of dualatme-app in Chromium (minutes); `make test` does a little of it
# make mutants  install with a mutation tester, try 200 small faults, show which of them no test catches (an hour)
# make fuzz    install with a fuzzer, give what reads files over 100,000 damaged ones, show what came of them
# make soak    kill a training run 30 times at random moments, then ten minutes of load on an export (an hour)
# make bench  install with PyTorch, compare the speed of training; LISTS=... DATA_ROOT=... for other data
PYTHON ?= python3
BIN := .venv/bin
DEMO := data/demo
RUN := runs/demo
DEMO_LISTS := $(DEMO)/MEGC2019/v_cde_flow
# Of `make bench`; the demo's where not given.
LISTS ?= $(DEMO_LISTS)
DATA_ROOT ?= $(DEMO)

.DELETE_ON_ERROR:
.PHONY: chromium demo docs test test-long test-app test-docs test-jax mutants fuzz soak bench format clean

demo: .venv/installed-prepare,serving
	rm -rf $(DEMO) $(RUN)
	$(MAKE) $(DEMO_LISTS)/subName.txt
	$(BIN)/python train.py --lists=$(DEMO_LISTS) --data_root=$(DEMO) --workdir=$(RUN) \
		--batch_size=32 --epochs=21 --final_model
	$(BIN)/python evaluate.py --workdir=$(RUN)
	$(BIN)/dualatme-export --run=$(RUN)
	$(BIN)/dualatme-predict $(DEMO_CLIP) --export=$(RUN)/export --output=$(RUN)/recognised.csv \
		--figures=$(RUN)/figures
	$(BIN)/dualatme-predict $(DEMO_CLIP) --output=$(RUN)/recognised_facs.csv --figures=$(RUN)/figures/facs
	@echo "The first network was trained on this clip too: its answer shows the way, not the skill. The second"
	@echo "has the weights that come with the package, which have seen no face, painted or real."

# Raw frames of a made-up person, through the exported graph.
DEMO_CLIP = $(DEMO)/raw/casme2/Cropped/sub01/EP01_01f

# The databases as a user unpacks them, then one command for each.
PREPARE = $(BIN)/dualatme-prepare --output=$(DEMO) --workers=2
$(DEMO_LISTS)/subName.txt: | .venv/installed-prepare,serving
	rm -rf $(DEMO)
	$(BIN)/dualatme-demo --output=$(DEMO)/raw
	$(PREPARE) --dataset=casme2 --root=$(DEMO)/raw/casme2/Cropped --annotations=$(DEMO)/raw/casme2/CASME2-coding-demo.xlsx
	$(PREPARE) --dataset=samm --root=$(DEMO)/raw/samm/SAMM --annotations=$(DEMO)/raw/samm/SAMM_Micro_FACS_Codes_v2.xlsx
	$(PREPARE) --dataset=smic --root=$(DEMO)/raw/smic/SMIC_all_raw --annotations=$(DEMO)/raw/smic/SMIC-HS-E_annotation.xlsx

test: .venv/installed-dev chromium
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

test-long: .venv/installed-dev chromium
	$(BIN)/pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder -m long

docs: .venv/installed-docs
	$(BIN)/python benchmarks/architecture_drawing.py
	$(BIN)/mkdocs build

test-docs: .venv/installed-docs
	$(BIN)/pytest --confcutdir=tests/docs tests/docs/run_pages.py

test-app: .venv/installed-test-app chromium
	@$(CHROMIUM)
	$(BIN)/pytest -m browser tests/app

# A few tests of `make test` drive it. On Ubuntu a name of it may be there that only gives advice.
CHROMIUM := chromium --version >/dev/null 2>&1 || chromium-browser --version >/dev/null 2>&1
chromium:
	@$(CHROMIUM) || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
			&& apt-get update -qq && apt-get install -y -qq chromium; \
	} || echo "Chromium is missing, tests in a browser are left out: install the package chromium"

test-jax: .venv-jax/installed
	KERAS_BACKEND=jax .venv-jax/bin/pytest -m long tests/models/parity_test.py
	KERAS_BACKEND=jax .venv-jax/bin/pytest tests/layers tests/losses tests/metrics \
		tests/models/dual_atme_test.py tests/models/hand_fit_test.py tests/models/preprocessor_test.py tests/models/parity_test.py

mutants: .venv/installed-mutants
	$(BIN)/python benchmarks/mutants.py

fuzz: .venv/installed-fuzz
	$(BIN)/python benchmarks/fuzz.py

soak: .venv/installed-dev $(LISTS)/subName.txt
	$(BIN)/python benchmarks/kills.py --kills=30 -- $(BIN)/dualatme-train --lists=$(LISTS) \
		--data_root=$(DATA_ROOT) --preset=facs --epochs=20 --workers=2 --threads=1 --workdir={}
	$(BIN)/python benchmarks/soak.py --minutes=10

bench: .venv/installed-bench $(LISTS)/subName.txt
	$(BIN)/python benchmarks/bench_train.py --lists=$(LISTS) --data_root=$(DATA_ROOT) --epochs=7

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf site .venv .venv-jax $(DEMO) $(RUN) *.egg-info .pytest_cache .ruff_cache

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

.venv/installed-%: .venv/bin/pip pyproject.toml
	$(BIN)/pip install -qq --editable '.[$*]'
	touch $@

.venv-jax/installed: pyproject.toml | .venv/bin/pip
	$(PYTHON) -m venv .venv-jax
	.venv-jax/bin/pip install -qq --editable '.[dev,jax]'
	touch $@
