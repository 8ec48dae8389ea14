"""Reading 100,000 rows of JSON lines with a box each: seconds and peak memory, against Python's own JSON alone.

Baseline: ``json.loads`` of every line, kept in a list. Both arms run in a process of their own.

Run: ``python benchmarks/reading.py``
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS, IMAGES = 100_000, 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arm", choices=("json", "rows"))
    parser.add_argument("--file", type=Path)
    arguments = parser.parse_args()
    if arguments.arm:
        print(*_measured(arguments.arm, arguments.file))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = _written(Path(folder))
        found = {}
        for arm in ("json", "rows"):
            command = [sys.executable, __file__, "--arm", arm, "--file", str(path)]
            seconds, mib = map(
                float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            )
            found[arm] = seconds
            print(f"{arm:>5}: {seconds:6.2f} s, {mib:6.0f} MiB above the start")
    print(f"ratio: {found['rows'] / found['json']:6.1f} times as long as the JSON alone")


def _written(folder: Path) -> Path:
    from PIL import Image

    for number in range(IMAGES):
        Image.new("RGB", (640, 480), (number % 256, 0, 0)).save(folder / f"{number}.jpg")
    path = folder / "rows.jsonl"
    with path.open("w") as file:
        for number in range(ROWS):
            x, y = number % 400, number % 300
            row = {
                "messages": [
                    {"role": "user", "content": f"<image>Where is <ref-object>, number {number}?"},
                    {"role": "assistant", "content": "<ref-object><bbox>"},
                ],
                "images": [f"{number % IMAGES}.jpg"],
                "objects": {"ref": ["the cup", "the cup"], "bbox": [[x, y, x + 200, y + 150]]},
            }
            file.write(json.dumps(row) + "\n")
    return path


def _measured(arm: str, path: Path) -> tuple[float, float]:
    from spaces.trial import RowsSource
    from trainable.data.sources.rows import read_rows

    before, start = _rss_mib(), time.perf_counter()
    if arm == "json":
        kept = [json.loads(line) for line in path.open()]
    else:
        kept = list(read_rows(RowsSource(source="rows", path=str(path))).records)
    assert len(kept) == ROWS
    return time.perf_counter() - start, _rss_mib() - before


def _rss_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
