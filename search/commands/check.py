"""``paretune check``: what a sweep file and its data hold, before anything is spent."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from search.commands.output import add_json, show, tell
from search.commands.sweep_file import add_sweep_file, warm_lines
from search.exit_codes import EPILOG, OK


def add(commands: Any) -> None:
    """Add the command."""
    check = commands.add_parser("check", help="read a sweep file and its data; load no model", epilog=EPILOG)
    check.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of refused rows and the page (default: checks/NAME)"
    )
    add_sweep_file(check)
    add_json(check)
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    from search.spec_file import load_spec

    spec = load_spec(options.file, overrides=options.overrides)  # a faulty file is named before anything heavy loads

    from search.check import RefusedError, check_data
    from search.check_cache import cache_lines
    from search.check_files import (
        CHECK_FILES,
        check_lines,
        check_result,
        mean_tokens,
        tokens_line,
        verdict,
        write_check,
        write_refused,
    )
    from search.loggers import check_loggers
    from search.planning.found_rows import found_counts
    from search.planning.rows import keep_counts
    from search.writable import check_folder

    check_loggers(spec.search.loggers)
    folder = options.out or Path("checks") / options.file.stem
    check_folder(folder)
    try:
        data = check_data(spec)
    except RefusedError as error:
        tell(options, write_refused(folder, error.refused))
        raise
    tokens = tokens_line(data, max_length=spec.data.max_length)
    counts = found_counts(spec, data, tokens=mean_tokens(data))
    keep_counts(spec, counts)
    written = write_check(folder, data, name=options.file.name, tokens=tokens)
    warm = warm_lines(spec, data_hash=data.data_hash)
    idle = spec.space.idle()
    searched = [key for key in spec.space.dimensions if key not in idle]
    lines = [
        *check_lines(data, tokens=tokens),
        *cache_lines(spec, data),
        *written,
        *warm,
        f"searched: {', '.join(searched) or 'nothing'}",
        *([f"without effect, since other keys rule them out: {', '.join(idle)}"] if idle else []),
        f"{options.file}: {verdict(data)}",
    ]
    files = {name: str(folder / file) for name, file in CHECK_FILES.items() if (folder / file).exists()}
    result = {
        **check_result(data),
        "mean_tokens": counts.tokens,
        "kept_bytes": counts.kept_bytes,
        "warm_start": warm,
        "searched": searched,
        "without_effect": list(idle),
        "files": files,
    }
    show(options, lines, result)
    return OK
