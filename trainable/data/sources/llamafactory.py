"""Data sets of LLaMA-Factory, by their name in ``dataset_info.json``: sharegpt and alpaca."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from spaces.trial import LlamaFactorySource
from trainable.data.files import existing_file, nearest, read_json, read_json_lines, text_fault
from trainable.data.images import FileImage, size_of
from trainable.data.records import Record, Turn
from trainable.data.sources.build import built_record
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.errors import DataError

REGISTRY = "dataset_info.json"
_REMOTE = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")
_UNSUPPORTED = {
    "videos": "videos",
    "audios": "audio",
    "tools": "tool calls",
    "chosen": "preference pairs",
    "rejected": "preference pairs",
    "kto_tag": "preference labels",
}
_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "system_tag": "system",
}
_ALPACA = {"prompt": "instruction", "query": "input", "response": "output", "history": "history", "system": "system"}


def read_llamafactory(config: LlamaFactorySource) -> ReadResult:
    """Read one data set of LLaMA-Factory's registry.

    Every turn becomes part of its row; the last answer decides the task. Image paths are relative to the folder.

    Raises:
        DataError: If the registry, the data set's name or its file can't be used, or it holds what paretune does not
            train on: videos, audio, tool calls, preference pairs.

    """
    folder = Path(config.folder)
    entry = _entry(folder, config.dataset)
    path = folder / entry["file_name"]
    columns, tags = entry.get("columns") or {}, _TAGS | (entry.get("tags") or {})
    records: list[Record] = []
    refused: list[RefusedRow] = []
    for number, row in enumerate(_rows(path)):
        if config.max_rows is not None and number >= config.max_rows:
            break
        try:
            if isinstance(row, DataError):
                raise row
            if fault := text_fault(row):
                raise DataError(fault)
            if not isinstance(row, dict):
                raise DataError(f"a row is an object; got {type(row).__name__}")
            is_chat = entry.get("formatting", "alpaca") == "sharegpt"
            system, turns = _chat(row, columns, tags) if is_chat else _alpaca(row, _ALPACA | columns)
            images = _images(row, columns, folder)
            records.append(built_record(f"{path.name}#{number}", system=system, turns=turns, images=images))
        except DataError as error:
            refused.append(RefusedRow(str(path), str(number), str(error)))
    return ReadResult(tuple(records), tuple(refused), (f"{config.dataset}: {entry.get('formatting', 'alpaca')} rows",))


def _entry(folder: Path, name: str) -> Mapping[str, Any]:
    registry = read_json(folder / REGISTRY)
    if not isinstance(registry, dict):
        raise DataError(f"{folder / REGISTRY} must map names to data sets; got {type(registry).__name__}")
    if name not in registry:
        raise DataError(f"{folder / REGISTRY} has no data set {name!r}; {nearest(name, list(registry))}")
    entry = registry[name]
    if not isinstance(entry, dict):
        raise DataError(f"the data set {name!r} must be an object; got {type(entry).__name__}")
    if fault := text_fault(entry):
        raise DataError(f"the data set {name!r} can't be read: {fault}")
    remote = [key for key in _REMOTE if key in entry]
    if "file_name" not in entry and remote:
        raise DataError(f"the data set {name!r} lies elsewhere ({', '.join(remote)}); download it and set file_name")
    if "file_name" not in entry:
        raise DataError(f"the data set {name!r} has no file_name")
    if not isinstance(entry["file_name"], str):
        raise DataError(f"the data set {name!r} has the file_name {entry['file_name']!r}; expected a path")
    for key in ("columns", "tags"):
        words = entry.get(key) or {}
        if not isinstance(words, dict) or not all(isinstance(word, str) for word in words.values()):
            raise DataError(f"the data set {name!r} has {key} that are no mapping of texts to texts: {words!r}")
    if entry.get("formatting", "alpaca") not in ("alpaca", "sharegpt"):
        raise DataError(f"the data set {name!r} has formatting {entry['formatting']!r}; expected alpaca or sharegpt")
    found = [word for column, word in _UNSUPPORTED.items() if column in (entry.get("columns") or {})]
    if entry.get("ranking"):
        found.append("preference pairs")
    if found:
        raise DataError(f"the data set {name!r} holds {found[0]}; paretune trains on images and text")
    return entry


def _rows(path: Path) -> Iterator[Any]:
    if path.suffix == ".jsonl":
        yield from read_json_lines(path)
        return
    rows = read_json(path)
    if not isinstance(rows, list):
        raise DataError(f"{path} must hold a list of rows; got {type(rows).__name__}")
    yield from rows


def _chat(row: Mapping[str, Any], columns: Mapping[str, str], tags: Mapping[str, str]) -> tuple[str | None, list[Turn]]:
    messages = row.get(columns.get("messages", "conversations"))
    if not isinstance(messages, list) or not messages:
        raise DataError(f"the row has no {columns.get('messages', 'conversations')!r}")
    said: list[tuple[str, str]] = []
    for message in messages:
        if not isinstance(message, dict):
            raise DataError(f"a message is an object; got {shortened(message)}")
        role, text = message.get(tags["role_tag"]), message.get(tags["content_tag"])
        if not isinstance(role, str) or not isinstance(text, str):
            raise DataError(
                f"a message has the texts {tags['role_tag']} and {tags['content_tag']}; got {shortened(message)}"
            )
        said.append((role, text))
    system = row.get(columns["system"]) if "system" in columns else None
    if said[0][0] == tags["system_tag"]:
        system = said.pop(0)[1]
    expected = [tags["user_tag"], tags["assistant_tag"]] * (len(said) // 2)
    if not said or [role for role, _ in said] != expected:
        raise DataError(f"turns must alternate and end with {tags['assistant_tag']}; got {[role for role, _ in said]}")
    texts = [text for _, text in said]
    return _system(system), [Turn(*pair) for pair in zip(texts[::2], texts[1::2], strict=True)]


def _alpaca(row: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[str | None, list[Turn]]:
    prompt, query, answer = (row.get(columns[name], "") for name in ("prompt", "query", "response"))
    if not isinstance(prompt, str) or not isinstance(query, str) or not isinstance(answer, str):
        raise DataError(f"{columns['prompt']}, {columns['query']} and {columns['response']} must be texts")
    history = row.get(columns["history"]) or []
    if not isinstance(history, list) or not all(map(_is_pair, history)):
        raise DataError(f"{columns['history']} must be pairs of question and answer, all texts")
    question = f"{prompt}\n{query}" if query else prompt
    turns = [Turn(before, after) for before, after in history]
    return _system(row.get(columns["system"])), [*turns, Turn(question, answer)]


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(text, str) for text in value)


def _system(value: Any) -> str | None:
    if value and not isinstance(value, str):
        raise DataError(f"the system turn must be a text; got {type(value).__name__}")
    return value or None


def _images(row: Mapping[str, Any], columns: Mapping[str, str], folder: Path) -> tuple[FileImage, ...]:
    for column, word in _UNSUPPORTED.items():
        if row.get(column):
            raise DataError(f"the row holds {word}; paretune trains on images and text")
    listed = row.get(columns.get("images", "images")) or []
    listed = [listed] if isinstance(listed, str) else listed
    if not isinstance(listed, list):
        raise DataError(f"images must be a path or a list of paths; got {type(listed).__name__}")
    images: list[FileImage] = []
    for name in listed:
        if isinstance(name, str) and "://" in name:
            raise DataError(f"the image {name[:200]} is a URL; download it and give its path")
        path = existing_file(folder, name, what="the image")
        size_of(path)
        images.append(FileImage(path))
    return tuple(images)
