import re
from pathlib import Path

import pytest
from made_sweep import baseline, complete, make_sweep

from results.notebook import Sweep

PAGE = (Path(__file__).parents[2] / "docs" / "notebook.md").read_text()


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_runs(code, tmp_path, monkeypatch):
    make_sweep(tmp_path / "my-sweep", [baseline(0.5, 0.6), complete(0.6, 0.5)])
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "example", "exec"), {})


def test_every_name_of_a_sweep_is_in_the_table():
    names = {name for name in vars(Sweep) if not name.startswith("_") and name != "folder"}
    assert set(re.findall(r"`sweep\.(\w+)", PAGE)) == names
