# The two that matter: `make demo` does the main job on a fresh machine, `make test` passes the tests.
# Each target sets up what it needs, says what it does, and asks nothing.

PY := .venv/bin/python

.PHONY: help demo serve chaos test lint unit user-test docs site compatibility bench lock clean

help:
	@echo "make demo    set up, then show everything once, for real, and end with a preview URL (KEEP=1: stay up)"
	@echo "make serve   set up, then serve on http://localhost:6420"
	@echo "make test    set up, then lint, types and every test; as root, the VM tests again as an ordinary user"
	@echo "make lint    ruff, mypy, and whether the generated pages of docs/ are up to date"
	@echo "make docs    write the synchronous client and the generated pages of docs/ anew"
	@echo "make site    set up, then build the documentation into build/site; any warning is an error"
	@echo "make compatibility  set up, then try every tool of docs/compatibility.md and write it"
	@echo "make chaos   set up, then kill servers under random work for minutes (SECONDS=300), and look at what is left"
	@echo "make bench   set up, then measure and write docs/performance.md"
	@echo "make lock    choose the newest allowed version of every package anew"
	@echo "make clean   remove what these targets made"

demo:
	@tools/setup run
	@.venv/bin/hatchway demo $(if $(KEEP),--keep)

serve:
	@tools/setup run
	@.venv/bin/hatchway serve

test: lint unit user-test

lint:
	@tools/setup test
	.venv/bin/ruff check . tools/generate-docs tools/generate-sync-client
	.venv/bin/ruff format --check . tools/generate-docs tools/generate-sync-client
	.venv/bin/mypy
	$(PY) tools/generate-sync-client --check
	$(PY) tools/generate-docs --check

unit:
	@tools/setup test
	$(PY) -m pytest

user-test:
	@tools/setup test
	tools/test-as-user

docs:
	@tools/setup test
	$(PY) tools/generate-sync-client
	$(PY) tools/generate-docs

site:
	@tools/setup test
	$(PY) -m mkdocs build --strict --quiet
	@echo "build/site/index.html"

compatibility:
	@tools/setup test
	$(PY) -m pytest tests/compatibility --write-compatibility

chaos:
	@tools/setup test
	CHAOS_SECONDS=$(or $(SECONDS),300) $(PY) -m pytest -s tests/e2e/test_chaos.py -o timeout=3600

bench:
	@tools/setup bench
	$(PY) -m benchmarks

lock:
	@tools/setup test
	.venv/bin/uv pip compile --quiet --universal --upgrade --generate-hashes --no-header --no-annotate \
		pyproject.toml --group build -o requirements.lock
	.venv/bin/uv pip compile --quiet --universal --upgrade --generate-hashes --no-header --no-annotate \
		-c requirements.lock pyproject.toml --group build --group dev -o requirements-dev.lock
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --upgrade --generate-hashes \
		--no-header --no-annotate tests/compatibility/requirements.in -o tests/compatibility/requirements.lock
	PYTHONPATH=tests $(PY) -m compatibility.packages lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build
