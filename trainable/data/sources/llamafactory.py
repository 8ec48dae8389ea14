"""Data sets of LLaMA-Factory, by their name in ``dataset_info.json``: sharegpt and alpaca."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from spaces.trial import LlamaFactorySource
from trainable.data.files import nearest, read_json, shown, text_fault
from trainable.data.sources.conversations import Conversation, records_of
from trainable.data.sources.draft import UNSUPPORTED, Draft, Said, images_of, paired, refuse_unsupported, text_of
from trainable.data.sources.formats import alpaca
from trainable.data.sources.pictures import PictureFinder
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.data.tables import read_table
from trainable.errors import DataError

REGISTRY = "dataset_info.json"
_REMOTE = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")
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

    Every turn becomes part of its row; the last answer decides the task. Image paths start from ``image_folder``.

    Raises:
        DataError: If the registry, the data set's name or its file can't be used, or it holds what paretune does not
            train on: videos, audio, tool calls, preference pairs.

    """
    folder = Path(config.folder)
    entry = _entry(folder, config.dataset)
    path = folder / entry["file_name"]
    images = Path(config.image_folder) if config.image_folder else folder
    finder = PictureFinder(images, fetches_urls=config.image_urls)
    read: list[Conversation] = []
    refused: list[RefusedRow] = []
    places: dict[str, int] = {}
    for number, row in enumerate(read_table(path)):
        if config.max_rows is not None and number >= config.max_rows:
            break
        places[row.place] = number
        try:
            draft = _draft(row.value, entry)
            pictures = tuple(finder.find(image) for image in draft.images)
            read.append(Conversation(f"{path.name}#{row.place}", row.place, draft, pictures))
        except DataError as error:
            refused.append(RefusedRow.of(path, row.place, error))
    records, notes = records_of(read, config, path, refused)
    refused.sort(key=lambda row: places[row.row])
    note = f"{shown(config.dataset)}: {entry.get('formatting', 'alpaca')} rows"
    return ReadResult(tuple(records), tuple(refused), (note, *notes))


def _draft(row: Any, entry: Mapping[str, Any]) -> Draft:
    if isinstance(row, DataError):
        raise row
    if not isinstance(row, dict):
        raise DataError(f"a row is an object; got {type(row).__name__}")
    if fault := text_fault(row):
        raise DataError(fault)
    refuse_unsupported(row)
    columns = entry.get("columns") or {}
    images = images_of({"images": row.get(columns.get("images", "images"))})
    if entry.get("formatting", "alpaca") == "sharegpt":
        return _chat(row, columns, _TAGS | (entry.get("tags") or {}), images)
    return _alpaca(row, _ALPACA | columns, images)


def _chat(
    row: Mapping[str, Any], columns: Mapping[str, str], tags: Mapping[str, str], images: tuple[Any, ...]
) -> Draft:
    column = columns.get("messages", "conversations")
    messages = row.get(column)
    if not isinstance(messages, list) or not messages:
        raise DataError(f"the row has no {shortened(column)}")
    roles = {tags["user_tag"]: "user", tags["assistant_tag"]: "assistant", tags["system_tag"]: "system"}
    said: list[Said] = []
    role_tag, content_tag = tags["role_tag"], tags["content_tag"]
    for message in messages:
        if not isinstance(message, dict):
            raise DataError(f"a message is an object; got {shortened(message)}")
        role, text = message.get(role_tag), message.get(content_tag)
        if not isinstance(role, str) or not isinstance(text, str):
            keys = f"{shown(role_tag, 40)} and {shown(content_tag, 40)}"
            raise DataError(f"a message has the texts {keys}; got {shortened(message)}")
        if role not in roles:
            known = ", ".join(shown(one, 40) for one in roles)
            raise DataError(f"unknown {shown(role_tag, 40)} {shortened(role)}; the tags name {known}")
        said.append(Said(roles[role], text))
    system = row.get(columns["system"]) if "system" in columns else None
    if system and said[0].role != "system":
        said.insert(0, Said("system", text_of(system, "the system turn")))
    return Draft(*paired(said), images)


def _alpaca(row: Mapping[str, Any], columns: Mapping[str, str], images: tuple[Any, ...]) -> Draft:
    known = {name: row[columns[own]] for own, name in _ALPACA.items() if columns[own] in row}
    if "output" not in known:
        raise DataError(f"the row has no {shortened(columns['response'])}")
    if columns["prompt"] not in row and columns["query"] not in row:
        prompt, query = shortened(columns["prompt"]), shortened(columns["query"])
        raise DataError(f"the row has neither {prompt} nor {query}; there is no question")
    (draft,) = alpaca.drafts_of(known | {"images": list(images) or None})
    return draft


def _entry(folder: Path, name: str) -> Mapping[str, Any]:
    registry = read_json(folder / REGISTRY)
    if not isinstance(registry, dict):
        raise DataError(f"{folder / REGISTRY} must map names to data sets; got {type(registry).__name__}")
    if name not in registry:
        raise DataError(f"{folder / REGISTRY} has no data set {shown(name)!r}; {nearest(name, list(registry))}")
    entry, data_set = registry[name], f"the data set {shown(name)!r}"
    if not isinstance(entry, dict):
        raise DataError(f"{data_set} must be an object; got {type(entry).__name__}")
    if fault := text_fault(entry):
        raise DataError(f"{data_set} can't be read: {fault}")
    remote = [key for key in _REMOTE if key in entry]
    if "file_name" not in entry and remote:
        raise DataError(f"{data_set} lies elsewhere ({', '.join(remote)}); download it and set file_name")
    if "file_name" not in entry:
        raise DataError(f"{data_set} has no file_name")
    if not isinstance(entry["file_name"], str):
        raise DataError(f"{data_set} has the file_name {shortened(entry['file_name'])}; expected a path")
    for key in ("columns", "tags"):
        words = entry.get(key) or {}
        if not isinstance(words, dict) or not all(isinstance(word, str) for word in words.values()):
            raise DataError(f"{data_set} has {key} that are no mapping of texts to texts: {shortened(words)}")
    if entry.get("formatting", "alpaca") not in ("alpaca", "sharegpt"):
        raise DataError(f"{data_set} has formatting {shortened(entry['formatting'])}; expected alpaca or sharegpt")
    found = [word for column, word in UNSUPPORTED.items() if column in (entry.get("columns") or {})]
    if entry.get("ranking"):
        found.append("preference pairs")
    if found:
        raise DataError(f"{data_set} holds {found[0]}; paretune trains on images and text")
    return entry
