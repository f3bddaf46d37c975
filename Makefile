# Start with make demo and make test. `make help` lists all targets.
# PYTHON=... chooses another Python than the newest one here.

ENVIRONMENT := .venv
BIN := $(ENVIRONMENT)/bin
COLLECTIONS := $(CURDIR)/.tree
# A forgotten endpoint fails at once instead of calling AWS; no configuration or credentials of the user are used.
export AWS_CONFIG_FILE := /dev/null
export AWS_SHARED_CREDENTIALS_FILE := /dev/null
export AWS_EC2_METADATA_DISABLED := true
export ANSIBLE_NOCOLOR := 1

.DEFAULT_GOAL := help
.PHONY: help bench demo test lint ansible-lint types sanity docs-check unit molecule test-oldest verify environment chaos clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .demo-environment ## Create and update a Datomic system on an emulated AWS, in under two minutes (KEEP=1 leaves it running)
	@KEEP=$(KEEP) $(BIN)/python -m tests.demo

test: environment ## Run every check: linters, types, docs, sanity, tests, molecule
	@$(MAKE) --no-print-directory lint types docs-check sanity unit molecule

# What the demo needs; make test adds its tools to the same environment.
.demo-environment:
	@tests/tools/environment.sh $(ENVIRONMENT) tests/requirements/demo.txt

environment: ## Make or refresh the virtual environments
	@tests/tools/environment.sh $(ENVIRONMENT) tests/requirements/test.txt
	@tests/tools/environment.sh .venv-tools tests/requirements/tools.txt

lint: ## Run ruff, yamllint and ansible-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z '*.yml' '*.yaml' ':!changelogs/changelog.yaml' | xargs -0 $(BIN)/yamllint --strict
	@$(MAKE) --no-print-directory ansible-lint

ansible-lint:
	PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(COLLECTIONS) $(BIN)/ansible-lint

types: ## Run mypy
	MYPYPATH=$(COLLECTIONS) $(BIN)/mypy $(COLLECTIONS)/ansible_collections/datomic_onprem/aws/plugins tests

# The ceiling keeps git from taking the environment's own collections for ignored files of this checkout: they would not be read.
docs-check: ## Check changelog fragments and module documentation
	$(BIN)/antsibull-changelog lint
	GIT_CEILING_DIRECTORIES=$(CURDIR) PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(COLLECTIONS) \
	  $(BIN)/antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self .

sanity: ## Run ansible-test sanity
	tests/tools/sanity.sh $(ENVIRONMENT)

# One process more than two cores have: some tests wait, for a playbook or for AWS's accelerated time.
unit: ## Run pytest (one test: .venv/bin/python -m pytest tests/unit/test_rules.py -k NAME)
	$(BIN)/python -m pytest --numprocesses 3 tests

molecule: ## Run the molecule scenarios (SCENARIO=default runs one)
	PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(COLLECTIONS) tests/tools/molecule.sh $(SCENARIO)

# The oldest supported Python, ansible-core and amazon.aws, where such a Python is at hand.
test-oldest: ## Run pytest with the oldest supported Python, ansible-core and amazon.aws
	@tests/tools/environment.sh .venv-oldest tests/requirements/test.txt oldest
	.venv-oldest/bin/python -m pytest --numprocesses 3 tests

# Compares with parts that others wrote; needs Java 17 or newer and Maven. VERIFY=--write puts the table into docs/development/verified.md.
verify: ## Compare with parts that others wrote: Datomic's peer library, DynamoDB Local, AWS's models (needs Java 17 and Maven)
	@"$$(tests/tools/python.sh)" -m tests.verify.jvm
	@tests/tools/environment.sh .venv-verify tests/requirements/verify.txt
	@tests/tools/environment.sh .venv-ministack tests/requirements/ministack.txt
	@if tests/tools/python.sh oldest > /dev/null; then \
	  tests/tools/environment.sh .venv-verify-oldest tests/requirements/verify.txt oldest; else rm -rf .venv-verify-oldest; fi
	.venv-verify/bin/python -m tests.verify --oldest .venv-verify-oldest/bin/python --ministack .venv-ministack/bin/python $(VERIFY)

# Compares with something that does the same work, and fails if a goal is missed. At most 25 minutes on a calm machine.
bench: environment ## Measure speed and numbers of calls as ratios (25 minutes)
	$(BIN)/python -m tests.bench --json docs/development/performance.json --svg docs/development/performance.svg --page docs/development/performance.md

# Tries to lose something, in at most 20 minutes: see docs/development/chaos.md. CHAOS=--write puts the table there.
chaos: environment ## Kill, starve and repeat everything (20 minutes)
	$(BIN)/python -m tests.chaos $(CHAOS)

clean: ## Remove all environments and caches
	rm -rf .venv .venv-oldest .venv-verify .venv-verify-oldest .venv-ministack .venv-tools .cache .tree .mypy_cache .pytest_cache .ruff_cache .hypothesis
