"""Files with parts replaced or removed, drawn from a seed."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

ODD_VALUES: Sequence[Any] = (
    None,
    True,
    False,
    0,
    -5,
    1,
    2000,
    0.5,
    1e300,
    float("nan"),
    float("inf"),
    10**400,
    "",
    " ",
    "x" * 5000,
    "a\0b",
    "\ud800",
    "\u2028",
    "é",
    "3",
    "../a.png",
    "/etc/passwd",
    "C:\\a.png",
    "http://x/y",
    "data:image/png;base64,AAAA",
    "<image>",
    "<|box_start|>",
    "<|box_start|>(1,2),(30,40)<|box_end|>",
    "<ref-object><bbox>",
    '{"bbox_2d": [1, 2, 30, 40]}',
    "<loc0001><loc0002><loc0300><loc0400> cat",
    [],
    {},
    [None],
    [[1]],
    [1, 2, 3, 4],
    [1, 2],
    [0.1, 0.2, 0.3],
    ["a", 1],
    {"path": 3},
    {"bytes": b"no image", "path": None},
    {"role": "user"},
    {"type": "image"},
)

ODD_BYTES: Sequence[bytes] = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    "é".encode(),
    "\u2028".encode(),
    "٣²".encode(),
    b"\n",
    b"\r",
    b"\t",
    b" ",
    b"9" * 5000,
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
    b"1e-999",
    b"1_0",
    b"0x1",
    b"null",
    b"'",
    b'"',
    b"\\",
    b"\\ud800",
    b",",
    b":",
    b"[",
    b"]",
    b"{",
    b"}",
    b"<",
    b"</",
    b"/>",
    b"&",
    b"&x;",
    b"<!--",
    b"<![CDATA[",
    b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx">]>',
    b'<?xml version="1.0" encoding="utf-16"?>',
    b'<?xml version="1.0" encoding="nope"?>',
    b"<image>",
    b"<|box_start|>",
    b"[" * 1000,
    b"- ",
    b"&a ",
    b"*a",
    b"!!python/object",
)


def mutated_tree(tree: Any, chance: Random, *, changes: int = 3) -> Any:
    """Replace, remove or repeat parts of a tree of lists and objects, one to ``changes`` times."""
    tree = copy.deepcopy(tree)
    for _ in range(chance.randint(1, changes)):
        places = list(_places(tree))
        if not places:
            break
        node, key = chance.choice(places)
        match chance.randrange(6):
            case 0:
                del node[key]
            case 1 if isinstance(node, list):
                node.insert(key, copy.deepcopy(node[key]))
            case 2:
                other, place = chance.choice(places)
                node[key] = copy.deepcopy(other[place])
            case 3 if isinstance(node, dict):
                node[chance.choice(["", "x" * 5000, "\ud800", "images", "id", "bbox"])] = node.pop(key)
            case _:
                node[key] = copy.deepcopy(chance.choice(ODD_VALUES))
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Give every container with every key of it."""
    children = list(tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ())
    for key, child in children:
        yield tree, key
        yield from _places(child)


def mutated_bytes(data: bytes, chance: Random, *, changes: int = 4, odd: Sequence[bytes] = ODD_BYTES) -> bytes:
    """Replace, remove, insert or repeat parts of a file, one to ``changes`` times."""
    for _ in range(chance.randint(1, changes)):
        at = chance.randrange(len(data) + 1)
        until = min(len(data), at + chance.choice([0, 0, 1, 1, 2, 8, 40]))
        match chance.randrange(6):
            case 0:
                part = bytes([chance.randrange(256)])
            case 1:
                part = data[at:until] * chance.randint(2, 5)
            case 2 if chance.random() < 0.5:
                part, until = b"", len(data)
            case 3:
                start = chance.randrange(len(data) + 1)
                part = data[start : start + chance.choice([1, 4, 20])]
            case _:
                part = chance.choice(odd)
        data = data[:at] + part + data[until:]
    return data
