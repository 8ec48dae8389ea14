"""Peak memory of one training step at Qwen2-VL's vocabulary: logits everywhere against logits where supervised.

Baseline: the model's own ``labels=`` path, which computes 151,936 logits at every position and casts them to float32.
Each arm runs in a process of its own; printed is the peak above what the process held before the step.

Run: ``python benchmarks/logits.py``
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

VOCABULARY = 151_936
ROWS, LENGTH, SUPERVISED_SHARE = 4, 256, 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arm", choices=("everywhere", "supervised"))
    arm = parser.parse_args().arm
    if arm:
        print(_peak_mib(arm))
        return
    peaks = {}
    for name in ("everywhere", "supervised"):
        done = subprocess.run([sys.executable, __file__, "--arm", name], capture_output=True, text=True, check=True)
        peaks[name] = float(done.stdout.split()[-1])
        print(f"{name:>10}: {peaks[name]:8.1f} MiB above the start")
    print(f"     ratio: {peaks['everywhere'] / peaks['supervised']:8.1f} times less")


def _peak_mib(arm: str) -> float:
    import torch
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": VOCABULARY,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
            "tie_word_embeddings": True,
        },
        vision_config={"depth": 1, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "mlp_ratio": 2},
        tie_word_embeddings=True,
    )
    model = Qwen2VLForConditionalGeneration(config).requires_grad_(False)
    for layer in model.model.language_model.layers:
        layer.self_attn.q_proj.weight.requires_grad_(True)
    ids = torch.randint(0, 1000, (ROWS, LENGTH))
    keep = torch.zeros(ids.shape, dtype=torch.bool)
    keep[:, -int(SUPERVISED_SHARE * LENGTH) - 1 : -1] = True
    labels = torch.full(ids.shape, -100)
    labels[:, 1:][keep[:, :-1]] = ids[:, 1:][keep[:, :-1]]
    start = _rss_mib()
    if arm == "everywhere":
        loss = model(input_ids=ids, labels=labels).loss
    else:
        from spaces import MixtureConfig
        from trainable.data.collate import Targets
        from trainable.losses import Mixture, TokenView, make_terms
        from trainable.model.head import Head

        empty = torch.zeros(0, dtype=torch.int64)
        kept = ids[:, 1:][keep[:, :-1]]
        targets = Targets(
            labels=kept,
            in_box=torch.zeros(len(kept), dtype=torch.bool),
            rows=torch.zeros(len(kept), dtype=torch.int64),
            digit_rows=empty,
            digit_values=empty,
            digit_places=empty.float(),
            digit_corners=empty,
            boxes=torch.zeros(0, 4),
            extents=torch.zeros(0, 4),
            digit_ids=torch.arange(10),
        )
        mixture = Mixture(MixtureConfig(), make_terms(MixtureConfig()))
        loss, _ = mixture.loss(
            TokenView(model.model(input_ids=ids).last_hidden_state[keep], Head(model.lm_head.weight), targets),
            denominators=mixture.denominators([targets]),
            weights=mixture.weights(0.5),
        )
    loss.backward()
    print(f"loss {loss.item():.6f}")
    return _rss_mib() - start


def _rss_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
