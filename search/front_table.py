"""The front of a sweep as a table on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from results import pareto_table


def print_front(folder: Path) -> None:
    """Print the trials of the front and the baseline.

    Raises:
        ResultsError: If the folder holds no readable sweep.

    """
    columns, rows = pareto_table(folder)
    table = Table(*columns, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, soft_wrap=True).print(table if rows else "no trial has reached its last step")
