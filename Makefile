# Each target sets everything up from a clean clone and then does its work.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The CPU build of torch, where the package index has it under this number; set TORCH= to take what pip chooses.
TORCH ?= torch==2.13.0

.PHONY: demo test check benchmark clean

demo: $(VENV)/.ready
	$(BIN)/mixtrast train digits --method imix --epochs 50 --lr 0.003 --seed 0 1 2

test: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

# What takes longer: fuzzing, packaging, many processes. Continuous integration runs both.
check: $(VENV)/.tested
	$(BIN)/python docs/tables.py --check
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m check

benchmark: $(VENV)/.ready
	$(BIN)/pip install -q -e '.[benchmark]'
	$(BIN)/python benchmarks/contrast.py

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q $(TORCH)
	$(BIN)/pip install -q -e .
	touch $@

$(VENV)/.tested: $(VENV)/.ready
	$(BIN)/pip install -q -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
