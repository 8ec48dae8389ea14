"""Scenes of coloured shapes: what is in them and how they are drawn.

A scene is 112 x 112 pixels and holds one to three shapes that differ in colour and in form and do not touch. Corners
lie on a lattice of two pixels. Every picture carries an illumination ramp, red growing from left to right and blue
from top to bottom: Qwen2-VL's vision tower knows only relative positions, the ramp puts absolute ones into the pixels.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from trainable.boxes import Box, Size, pixels_to_thousandths
from trainable.seeding import child_seed

Domain = Literal["base", "shifted"]
DOMAINS: tuple[Domain, ...] = ("base", "shifted")
Point = tuple[float, float]

SIDE_PX = 112
LATTICE_PX = 2
MARGIN_PX = 4
RAMP = 45
"""Half the change of red across the picture and of blue down the picture, in grey levels."""

_COLOUR_JITTER = 8
_NOISE = 5
_SIZES_PX = range(24, 57, LATTICE_PX)
_MAX_ASPECT = 1.5


@dataclass(frozen=True)
class Look:
    """What a domain draws from.

    Attributes:
        colours: Names and their RGB before jitter.
        shapes: Names, keys of ``SHAPES``.
        brightness: Lowest and highest grey level of the background.
        tint: Largest deviation of a background channel from its grey level.
        stripes: Least and largest change of grey in every second stripe of the background; zeros for a plain one.

    """

    colours: Mapping[str, tuple[int, int, int]]
    shapes: tuple[str, ...]
    brightness: tuple[int, int]
    tint: int
    stripes: tuple[int, int]


LOOKS: Mapping[Domain, Look] = {
    "base": Look(
        colours={
            "red": (215, 50, 50),
            "green": (60, 165, 70),
            "blue": (55, 75, 210),
            "yellow": (230, 215, 60),
            "orange": (235, 135, 40),
            "purple": (135, 50, 165),
            "white": (242, 242, 242),
            "black": (22, 22, 22),
        },
        shapes=("circle", "square", "triangle", "diamond", "cross"),
        brightness=(100, 180),
        tint=16,
        stripes=(0, 0),
    ),
    "shifted": Look(
        colours={
            "red": (215, 50, 50),
            "blue": (55, 75, 210),
            "yellow": (230, 215, 60),
            "pink": (240, 130, 195),
            "brown": (125, 70, 25),
            "teal": (40, 190, 185),
        },
        shapes=("circle", "square", "triangle", "star", "ring", "arrow"),
        brightness=(85, 165),
        tint=30,
        stripes=(10, 18),
    ),
}


@dataclass(frozen=True)
class Shape:
    """One shape of a scene; its drawing touches all four sides of ``box_px``."""

    name: str
    colour: str
    rgb: tuple[int, int, int]
    box_px: Box

    @property
    def phrase(self) -> str:
        """Names it: no other shape of the scene has its colour or its form."""
        return f"the {self.colour} {self.name}"

    @property
    def box_1000(self) -> Box:
        """Its box in thousandths of the picture."""
        return pixels_to_thousandths(self.box_px, width=SIDE_PX, height=SIDE_PX)


@dataclass(frozen=True)
class Background:
    """What lies behind the shapes.

    Attributes:
        rgb: Its colour before ramp and noise.
        stripe: Grey levels added in every second stripe; 0 for a plain one.
        stripe_px: Width of a stripe.
        upright: Whether stripes run from top to bottom.
        dots: Small grey distractors, each left, top, side in pixels and grey level.
        noise_seed: Seed of the pixel noise.

    """

    rgb: tuple[int, int, int]
    stripe: int
    stripe_px: int
    upright: bool
    dots: tuple[tuple[int, int, int, int], ...]
    noise_seed: int


@dataclass(frozen=True)
class Scene:
    """One to three shapes before a background."""

    shapes: tuple[Shape, ...]
    background: Background


def make_scene(domain: Domain, *, seed: int, index: int) -> Scene:
    """Draw the scene that ``domain``, ``seed`` and ``index`` name; always the same one."""
    rng = random.Random(child_seed(seed, f"scene/{domain}/{index}"))
    look = LOOKS[domain]
    boxes = _boxes(rng, count=rng.choice((1, 2, 2, 3)))
    colours = rng.sample(sorted(look.colours), len(boxes))
    names = rng.sample(look.shapes, len(boxes))
    shapes = tuple(
        Shape(name, colour, _jittered(rng, look.colours[colour]), box)
        for name, colour, box in zip(names, colours, boxes, strict=True)
    )
    return Scene(shapes, _background(rng, look))


def _jittered(rng: random.Random, rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, level + rng.randint(-_COLOUR_JITTER, _COLOUR_JITTER))) for level in rgb)
    return red, green, blue


def _boxes(rng: random.Random, *, count: int) -> list[Box]:
    """Place boxes at random until they keep their distance; starts over when it is stuck."""
    while True:
        boxes: list[Box] = []
        for _ in range(30):
            box = _box(rng)
            if all(_apart(box, other) for other in boxes):
                boxes.append(box)
            if len(boxes) == count:
                return boxes


def _box(rng: random.Random) -> Box:
    width, height = rng.choice(_SIZES_PX), rng.choice(_SIZES_PX)
    while max(width, height) > _MAX_ASPECT * min(width, height):
        width, height = rng.choice(_SIZES_PX), rng.choice(_SIZES_PX)
    left = rng.randrange(0, SIDE_PX - width + 1, LATTICE_PX)
    top = rng.randrange(0, SIDE_PX - height + 1, LATTICE_PX)
    return Box(left, top, left + width, top + height)


def _apart(first: Box, second: Box) -> bool:
    return (
        first.x2 + MARGIN_PX <= second.x1
        or second.x2 + MARGIN_PX <= first.x1
        or first.y2 + MARGIN_PX <= second.y1
        or second.y2 + MARGIN_PX <= first.y1
    )


def _background(rng: random.Random, look: Look) -> Background:
    level = rng.randint(*look.brightness)
    red, green, blue = (level + rng.randint(-look.tint, look.tint) for _ in range(3))
    dots = tuple(
        (rng.randrange(SIDE_PX), rng.randrange(SIDE_PX), rng.randint(2, 4), rng.randint(60, 200))
        for _ in range(rng.randint(0, 4))
    )
    return Background(
        rgb=(red, green, blue),
        stripe=rng.choice((-1, 1)) * rng.randint(*look.stripes) if any(look.stripes) else 0,
        stripe_px=rng.randint(5, 9),
        upright=rng.random() < 0.5,
        dots=dots,
        noise_seed=rng.getrandbits(32),
    )


def draw_scene(scene: Scene) -> Image.Image:
    """Draw a scene as RGB: background, distractors, shapes, then ramp and noise over all."""
    image = _draw_background(scene.background)
    canvas = ImageDraw.Draw(image)
    for shape in scene.shapes:
        SHAPES[shape.name](canvas, shape.box_px, shape.rgb)
    noise = np.random.default_rng(scene.background.noise_seed).integers(
        -_NOISE, _NOISE, (SIDE_PX, SIDE_PX, 3), dtype=np.int16, endpoint=True
    )
    return Image.fromarray(np.clip(np.asarray(image) + _RAMP_MAP + noise, 0, 255).astype(np.uint8))


def _draw_background(background: Background) -> Image.Image:
    image = Image.new("RGB", (SIDE_PX, SIDE_PX), background.rgb)
    canvas = ImageDraw.Draw(image)
    if background.stripe:
        other = tuple(level + background.stripe for level in background.rgb)
        for start in range(0, SIDE_PX, 2 * background.stripe_px):
            end = start + background.stripe_px - 1
            canvas.rectangle((start, 0, end, SIDE_PX) if background.upright else (0, start, SIDE_PX, end), fill=other)
    for left, top, side, grey in background.dots:
        canvas.rectangle((left, top, left + side - 1, top + side - 1), fill=(grey, grey, grey))
    return image


def _ramp_map() -> np.ndarray:
    slope = np.linspace(-RAMP, RAMP, SIDE_PX).round().astype(np.int16)
    ramp = np.zeros((SIDE_PX, SIDE_PX, 3), dtype=np.int16)
    ramp[:, :, 0] = slope[None, :]
    ramp[:, :, 2] = slope[:, None]
    return ramp


_RAMP_MAP = _ramp_map()

Painter = Callable[[ImageDraw.ImageDraw, Box, tuple[int, int, int]], None]


def _polygon(*points: Point) -> Painter:
    """Give the painter of a polygon whose points are shares of the box and touch its four sides."""

    def paint(canvas: ImageDraw.ImageDraw, box: Box, rgb: tuple[int, int, int]) -> None:
        width, height = box.x2 - box.x1 - 1, box.y2 - box.y1 - 1
        canvas.polygon([(box.x1 + x * width, box.y1 + y * height) for x, y in points], fill=rgb)

    return paint


def _circle(canvas: ImageDraw.ImageDraw, box: Box, rgb: tuple[int, int, int]) -> None:
    canvas.ellipse((box.x1, box.y1, box.x2 - 1, box.y2 - 1), fill=rgb)


def _ring(canvas: ImageDraw.ImageDraw, box: Box, rgb: tuple[int, int, int]) -> None:
    thickness = round(min(box.x2 - box.x1, box.y2 - box.y1) * 0.27)
    canvas.ellipse((box.x1, box.y1, box.x2 - 1, box.y2 - 1), outline=rgb, width=thickness)


SHAPES: Mapping[str, Painter] = {
    "arrow": _polygon((0, 0.3), (0.5, 0.3), (0.5, 0), (1, 0.5), (0.5, 1), (0.5, 0.7), (0, 0.7)),
    "circle": _circle,
    "cross": _polygon(
        *((0.33, 0), (0.67, 0), (0.67, 0.33), (1, 0.33), (1, 0.67), (0.67, 0.67)),
        *((0.67, 1), (0.33, 1), (0.33, 0.67), (0, 0.67), (0, 0.33), (0.33, 0.33)),
    ),
    "diamond": _polygon((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)),
    "ring": _ring,
    "square": _polygon((0, 0), (1, 0), (1, 1), (0, 1)),
    "star": _polygon(
        *((0.5, 0), (0.62, 0.36), (1, 0.38), (0.7, 0.61), (0.81, 1)),
        *((0.5, 0.78), (0.19, 1), (0.3, 0.61), (0, 0.38), (0.38, 0.36)),
    ),
    "triangle": _polygon((0.5, 0), (1, 1), (0, 1)),
}


@dataclass(frozen=True)
class SceneImage:
    """A scene as the image of a record; drawn when it is loaded."""

    domain: Domain
    seed: int
    index: int

    @property
    def key(self) -> str:
        """Names the picture, e.g. ``shapes/shifted/17/123``."""
        return f"shapes/{self.domain}/{self.seed}/{self.index}"

    @property
    def label(self) -> str:
        """The same: it has no file."""
        return self.key

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        return (SIDE_PX, SIDE_PX)

    def digest(self) -> str:
        """Give the SHA-256 of the drawn picture's bytes, in hexadecimal."""
        return hashlib.sha256(self.load().tobytes()).hexdigest()

    def load(self) -> Image.Image:
        """Draw the picture."""
        return draw_scene(make_scene(self.domain, seed=self.seed, index=self.index))
