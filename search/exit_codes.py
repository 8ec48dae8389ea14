"""The exit codes of the command."""

from __future__ import annotations

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

EPILOG = "exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted (a sweep can then be resumed)"
