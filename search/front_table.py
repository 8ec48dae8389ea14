"""The front of a sweep as a table on the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from results import pareto_table

_LOG_WIDTH = 160


def print_front(folder: Path) -> None:
    """Print the trials of the front and the baseline.

    Raises:
        ResultsError: If the folder holds no readable sweep.

    """
    columns, rows = pareto_table(folder)
    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column.rpartition(".")[2], overflow="fold", min_width=4)
    for row in rows:
        table.add_row(*row)
    is_terminal = sys.stdout.isatty()
    console = Console(highlight=False, width=None if is_terminal else _LOG_WIDTH)
    console.print(table if rows else "no trial has reached its last step", markup=False)
