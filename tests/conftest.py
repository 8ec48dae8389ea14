import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest


@pytest.fixture(scope="session")
def base():
    """Give the embedded tiny base, loaded once."""
    import torch
    from trainable.model.load import load_base

    from spaces import ModelConfig

    torch.set_num_threads(1)
    return load_base(ModelConfig())
