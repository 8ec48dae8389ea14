"""What becomes of the keys of a LLaMA-Factory training file that a sweep file has no use for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from search.fault_text import close_names

_BOOKKEEPING = "a sweep's folder, log and checkpoints are paretune's own"
_ONE_PROCESS = "a trial is one process; search.concurrency runs several"
_SPEED = "a matter of speed or memory that paretune settles itself"
_OTHER_LOSS = "another loss; those that paretune searches are in docs/losses.md"
_EVALUATION = "trials are scored at trial.rungs and at their last step"
_GENERATION = "answers are generated greedily, at most trial.max_new_tokens tokens"
_OTHER_METHOD = "paretune trains plain LoRA adapters"
_FROZEN = "paretune never trains the vision tower or its projector"
_VIDEO = "paretune trains on images and text, not on videos or audio"
_HUB = "the hub's own settings (HF_HOME, HF_TOKEN) hold for the base"
_CHAT = "prompts are written by the checkpoint's own chat template"

_REASONS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "output_dir",
            "overwrite_output_dir",
            "logging_dir",
            "logging_steps",
            "logging_first_step",
            "logging_strategy",
            "save_steps",
            "save_strategy",
            "save_total_limit",
            "save_only_model",
            "save_safetensors",
            "plot_loss",
            "report_to",
            "run_name",
            "project",
            "resume_from_checkpoint",
            "load_best_model_at_end",
            "metric_for_best_model",
            "greater_is_better",
            "push_to_hub",
            "disable_tqdm",
            "include_num_input_tokens_seen",
            "include_effective_tokens_per_second",
            "print_param_status",
            "use_swanlab",
        ),
        _BOOKKEEPING,
    ),
    **dict.fromkeys(
        (
            "deepspeed",
            "fsdp",
            "fsdp_config",
            "ddp_timeout",
            "ddp_find_unused_parameters",
            "ray_num_workers",
            "ray_run_name",
            "ray_storage_path",
            "ray_init_kwargs",
            "resources_per_worker",
            "placement_strategy",
            "master_addr",
            "master_port",
        ),
        _ONE_PROCESS,
    ),
    **dict.fromkeys(
        (
            "preprocessing_num_workers",
            "preprocessing_batch_size",
            "overwrite_cache",
            "tokenized_path",
            "data_shared_file_system",
            "dataloader_num_workers",
            "dataloader_pin_memory",
            "dataloader_persistent_workers",
            "flash_attn",
            "enable_liger_kernel",
            "use_unsloth",
            "use_unsloth_gc",
            "gradient_checkpointing",
            "disable_gradient_checkpointing",
            "use_reentrant_gc",
            "upcast_layernorm",
            "upcast_lmhead_output",
            "low_cpu_mem_usage",
            "torch_compile",
            "group_by_length",
            "packing",
            "neat_packing",
            "tf32",
            "use_cache",
            "use_fast_tokenizer",
        ),
        _SPEED,
    ),
    **dict.fromkeys(
        ("label_smoothing_factor", "use_dft_loss", "use_asft_loss", "asft_alpha", "use_eaft_loss", "eaft_alpha"),
        _OTHER_LOSS,
    ),
    **dict.fromkeys(
        (
            "do_eval",
            "do_predict",
            "eval_strategy",
            "evaluation_strategy",
            "eval_steps",
            "eval_on_start",
            "eval_num_beams",
            "eval_on_each_dataset",
            "predict_with_generate",
            "compute_accuracy",
            "early_stopping_steps",
        ),
        _EVALUATION,
    ),
    **dict.fromkeys(
        (
            "do_sample",
            "temperature",
            "top_p",
            "top_k",
            "num_beams",
            "max_length",
            "max_new_tokens",
            "repetition_penalty",
            "length_penalty",
            "generation_max_length",
            "generation_num_beams",
            "infer_backend",
            "infer_dtype",
        ),
        _GENERATION,
    ),
    **dict.fromkeys(
        (
            "loraplus_lr_ratio",
            "loraplus_lr_embedding",
            "additional_target",
            "create_new_adapter",
            "use_llama_pro",
            "use_galore",
            "use_apollo",
            "use_badam",
            "use_adam_mini",
            "use_muon",
            "freeze_trainable_layers",
            "freeze_trainable_modules",
            "mixture_of_depths",
            "shift_attn",
            "neftune_noise_alpha",
        ),
        _OTHER_METHOD,
    ),
    **dict.fromkeys(
        (
            "video_max_pixels",
            "video_min_pixels",
            "video_fps",
            "video_maxlen",
            "video_resolution",
            "use_audio_in_video",
            "audio_sampling_rate",
        ),
        _VIDEO,
    ),
    **dict.fromkeys(("cache_dir", "model_revision", "hub_token", "hub_model_id"), _HUB),
    **dict.fromkeys(
        ("default_system", "tool_format", "enable_thinking", "preserve_thinking", "split_special_tokens"), _CHAT
    ),
    "do_train": "a sweep always trains",
    "trust_remote_code": "the families that paretune trains need no code of the checkpoint",
    "use_dora": f"{_OTHER_METHOD}, not DoRA",
    "pissa_init": "it rewrites the base's weights, which all trials of a worker share",
    "pissa_iter": "it rewrites the base's weights, which all trials of a worker share",
    "pissa_convert": "it rewrites the base's weights, which all trials of a worker share",
    "quantization_bit": "the base is loaded in model.dtype, which takes more memory; lower trial.batch if it runs out",
    "quantization_method": "the base is loaded in model.dtype",
    "quantization_type": "the base is loaded in model.dtype",
    "double_quantization": "the base is loaded in model.dtype",
    "image_min_pixels": "the image processor's own smallest size holds",
    "crop_to_patches": "images are cut as the family's processor does",
    "image_do_pan_and_scan": "images are cut as the family's processor does",
    "rope_scaling": "the checkpoint's own positions hold",
    "resize_vocab": "the checkpoint's own tokens hold",
    "add_tokens": "the checkpoint's own tokens hold",
    "add_special_tokens": "the checkpoint's own tokens hold",
    "new_special_tokens_config": "the checkpoint's own tokens hold",
    "train_on_prompt": "answers alone are trained on",
    "mask_history": "every answer of a row is trained on; mark one that is not by `loss: false` in the data",
    "ignore_pad_token_for_loss": "padding never counts",
    "streaming": "rows are read once, when the sweep starts",
    "buffer_size": "rows are read once, when the sweep starts",
    "disable_shuffling": "rows are drawn at random; an order is a matter of space.curriculum",
    "data_seed": "trial.seed decides the order of rows too",
    "optim": "trials are trained by AdamW",
    "adam_beta1": "it is 0.9",
    "adam_epsilon": "it is 1e-8",
    "lr_scheduler_kwargs": "the curves of space.optimizer.decay have no further settings",
    "full_determinism": "the same trial always gives the same numbers on the same machine",
    "tf32": _SPEED,
    "pure_bf16": "adapters are trained in float32",
    "upcast": _SPEED,
}

_SECRET = re.compile(r"token|key|password|secret", re.IGNORECASE)
_UNKNOWN = "paretune knows no such key"
_LONGEST = 60


def reason_of(key: str, *, used: Iterable[str] = ()) -> str:
    """Say why a key plays no part in a sweep file.

    Args:
        key: Of the training file.
        used: Keys that do; an unknown key may be one of them, misspelt.

    """
    if key in _REASONS:
        return _REASONS[key]
    near = close_names(key.lower(), [*used, *_REASONS])
    return f"{_UNKNOWN}; did you mean {near[0]}?" if near else _UNKNOWN


def shown_value(key: str, value: object) -> str:
    """Write a value for a comment: one line, cut if it is long, and left out if it may be a secret."""
    if _SECRET.search(key) and isinstance(value, str):
        return "…"
    text = " ".join(str(value).split()) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
