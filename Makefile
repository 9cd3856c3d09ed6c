# make help says what each target does. VENV, PYTHON and SUBMISSION, for
# the labs STAGE and FORCE, for make gradescope STAGE and OUT, can be set on
# the command line.
VENV ?= .venv
PYTHON ?= python3
PY := $(VENV)/bin/python
SUBMISSION ?= $(if $(wildcard solutions),solutions,starter)
STAGE ?= 0
FORCE ?=
OUT ?= gradescope.zip
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help setup grade lab labs gradescope release test test-all test-labs check-table tables gallery attacks lint format starter bench bench-class bench-decode bench-kernels accuracy figures clean

help: ## this list
	@echo "minGPT Lab"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: $(VENV)/.installed ## make .venv with the pinned packages (done once; the others call it)

$(VENV)/.installed: pyproject.toml setup.py constraints.txt lab/labextension/static/remoteEntry.js
	@command -v g++ >/dev/null || command -v clang++ >/dev/null || \
	  { echo "No C++ compiler here. On Debian or Ubuntu: apt install g++"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make setup PYTHON=python3.11"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Could not make $(VENV). On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing packages into $(VENV) (once; a few minutes)"
	@$(PY) -m pip install --quiet --constraint constraints.txt --editable '.[dev,class]'
	@touch $@

grade: setup ## grade solutions/, or another: make grade SUBMISSION=starter
	@$(PY) grader/grade.py $(SUBMISSION)

lab: setup ## open a lab in JupyterLab, its notebook beside gpt.cu: make lab STAGE=1
	@$(PY) -m course lab $(STAGE)

labs: setup ## make the notebooks of labs/ from their texts
	@$(PY) -m course notebooks

gradescope: setup ## make Gradescope's autograder: make gradescope STAGE=4 OUT=my.zip
	@$(PY) -m grader.services gradescope --out $(OUT) $(if $(filter-out 0,$(STAGE)),--stage $(STAGE))

release: setup ## hand a lab out to students by nbgrader: make release STAGE=1
	@$(PY) -m course release $(STAGE) $(if $(FORCE),--force)

test: setup ## run the test suite
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-all: setup ## the tests with all that takes long: the whole gallery, every lab's notebook, ...
	@MINGPT_TESTS=all $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-labs: setup ## run every lab's notebook, solved and as it is handed out
	@MINGPT_TESTS=all $(PY) -m pytest -n 2 tests/course/test_labs_run.py

check-table: setup ## what simt check finds: every seeded bug, and nothing in correct programs
	@$(PY) tests/simt/check_table.py

gallery: setup ## grade the gallery of mistakes: what is caught, and what is named
	@$(PY) -m gallery

attacks: setup ## grade the gallery of attacks: what they try, and what comes of it
	@$(PY) -m gallery.attacks

tables: setup ## remake docs/simt-counters.md and docs/simt-checks.md
	@$(PY) tests/simt/tables.py

lint: setup ## style of Python, C++ and CUDA
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@git ls-files '*.cu' '*.cuh' '*.cpp' '*.h' | xargs $(VENV)/bin/clang-format --dry-run -Werror
	@$(PY) -m grader.make_starter --check

format: setup ## put that style right
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .
	@git ls-files '*.cu' '*.cuh' '*.cpp' '*.h' | xargs $(VENV)/bin/clang-format -i

starter: setup ## make starter/ from solutions/ (what is there is kept as *.bak1, *.bak2, ...)
	@$(PY) -m grader.make_starter

bench: setup ## measure simt/ on this machine
	@$(PY) bench/simt.py

bench-class: setup ## a class of 300, disturbed and scaled, into docs/classroom.*: takes hours
	@$(PY) bench/classroom.py --docs

bench-decode: setup ## on a GPU: tokens/s of the ladder and its peers, into docs/ladder.*
	@$(PY) bench/decode.py --docs

bench-kernels: setup ## on a GPU: the kernels beside cuBLAS's, into docs/kernels.*
	@$(PY) bench/kernels.py --docs

accuracy: setup ## on a GPU: how exact the ladder is, into docs/accuracy.*
	@$(PY) bench/accuracy.py --docs

figures: setup ## draw the labs' pictures (labs/*/img) from measured data
	@$(PY) -m figures

clean: ## remove .venv and builds (never a submission)
	rm -rf $(VENV) build *.egg-info
