import atexit
import os
import shutil
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="paretune-tests-")  # what tests keep of images goes with them

import pytest

atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def base():
    """Give the embedded tiny base, loaded once."""
    import torch

    from spaces import ModelConfig
    from trainable.model.load import load_base

    torch.set_num_threads(1)
    return load_base(ModelConfig())


@pytest.fixture(scope="session")
def examples():
    """Give the folder of the example sweep files."""
    return Path(__file__).parents[1] / "examples"
