"""Drawn scenes as the files that users have: a LLaMA-Factory data set with photos, and its training file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spaces import DataConfig
from trainable.data.sources import read_sources
from trainable.model.tiny import tiny_folder


def write_scenes(
    folder: Path, *, scenes: int = 12, name: str = "scenes", tasks: tuple[str, ...] = ("grounding", "text")
) -> Path:
    """Write scenes as sharegpt rows, four a scene, with their images beside them; gives the folder."""
    data = DataConfig.model_validate({"sources": [{"source": "shapes", "domain": "shifted", "scenes": scenes}]})
    rows: list[dict[str, Any]] = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for record in read_sources(data).records:
        if record.task not in tasks:
            continue
        (image,) = record.images
        path = folder / "images" / f"{image.label.replace('/', '-')}.png"
        if not path.exists():
            image.load().save(path)
        said = [(turn.question, turn.answer) for turn in record.turns]
        rows.append(
            {
                "messages": [
                    {"role": role, "content": text}
                    for pair in said
                    for role, text in zip(("user", "assistant"), pair, strict=True)
                ],
                "images": [f"images/{path.name}"],
            }
        )
    (folder / f"{name}.json").write_text(json.dumps(rows))
    registry = folder / "dataset_info.json"
    entries = json.loads(registry.read_text()) if registry.exists() else {}
    entries[name] = {
        "file_name": f"{name}.json",
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"},
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
    }
    registry.write_text(json.dumps(entries))
    return folder


TRAINING = """\
### model
model_name_or_path: BASE
image_max_pixels: 25088
trust_remote_code: true

### method
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 4
lora_alpha: 12
lora_target: q_proj,k_proj,v_proj,o_proj
lora_dropout: 0.05

### dataset
dataset: scenes
dataset_dir: DATA
template: qwen2_vl
cutoff_len: 1024
overwrite_cache: true
preprocessing_num_workers: 16

### output
output_dir: saves/tiny
logging_steps: 10
plot_loss: true

### train
per_device_train_batch_size: 4
gradient_accumulation_steps: 2
learning_rate: 1.0e-3
num_train_epochs: 3.0
lr_scheduler_type: linear
warmup_ratio: 0.1
weight_decay: 0.01
seed: 7

### eval
val_size: 0.3
eval_strategy: steps
"""


def training_file(
    folder: Path, data: Path, *, changes: dict[str, Any] | None = None, drop: tuple[str, ...] = ()
) -> Path:
    """Write a training file of LLaMA-Factory for the embedded tiny base, with other values for some keys."""
    text = TRAINING.replace("BASE", str(tiny_folder())).replace("DATA", str(data))
    lines = [line for line in text.splitlines() if line.partition(":")[0] not in {*(changes or {}), *drop}]
    lines += [f"{key}: {json.dumps(value)}" for key, value in (changes or {}).items()]
    path = folder / "train_lora.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path
