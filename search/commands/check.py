"""``paretune check``: what a sweep file and its data hold, before anything is spent."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from search.commands.sweep_file import add_sweep_file, warm_lines
from search.exit_codes import EPILOG, OK


def add(commands: Any) -> None:
    """Add the command."""
    check = commands.add_parser("check", help="read a sweep file and its data; load no model", epilog=EPILOG)
    check.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of refused rows and the page (default: checks/NAME)"
    )
    add_sweep_file(check)
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    from search.spec_file import load_spec

    spec = load_spec(options.file, overrides=options.overrides)  # a faulty file is named before anything heavy loads

    from search.check import RefusedError, check_data
    from search.check_cache import cache_lines
    from search.check_files import check_lines, tokens_line, write_check, write_refused
    from search.loggers import check_loggers

    check_loggers(spec.search.loggers)
    folder = options.out or Path("checks") / options.file.stem
    try:
        data = check_data(spec)
    except RefusedError as error:
        print("\n".join(write_refused(folder, error.refused)))
        raise
    tokens = tokens_line(data, max_length=spec.data.max_length)
    written = write_check(folder, data, name=options.file.name, tokens=tokens)
    warm = warm_lines(spec, data_hash=data.data_hash)
    print("\n".join([*check_lines(data, tokens=tokens), *cache_lines(spec, data), *written, *warm]))
    idle = spec.space.idle()
    searched = [key for key in spec.space.dimensions if key not in idle]
    print(f"searched: {', '.join(searched) or 'nothing'}")
    if idle:
        print(f"without effect, since other keys rule them out: {', '.join(idle)}")
    print(f"{options.file}: fine")
    return OK
