# Every target sets up what it needs. Arguments: make demo ARGS="--port 9000", make test ARGS="-x".
.DEFAULT_GOAL := help
.PHONY: help demo test lint compat apps bench clean

# The first interpreter that runs and is new enough; a version manager's shim may be found and fail.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)

help:
	@echo "make demo    serve the example application on http://localhost:8888"
	@echo "make test    lint, then all tests: compiled and plain Python, on 3.11 and 3.13 where present"
	@echo "make lint    ruff, mypy --strict, import layers"
	@echo "make compat  run Tornado's own tests on Whirlwind"
	@echo "make apps    install applications written for Tornado, which make test uses then"
	@echo "make bench   measure against other servers and write docs/performance.md"
	@echo "make clean   remove everything that make made"

demo test lint compat apps bench clean:
	@[ -n "$(PYTHON)" ] || { echo "Whirlwind needs Python 3.11 or newer, and none was found." \
		"Install one, or name it: make $@ PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) tools/project.py $@ $(ARGS)
