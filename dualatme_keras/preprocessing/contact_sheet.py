"""A prepared clip as one picture."""

import numpy as np
from PIL import Image, ImageDraw

from dualatme_keras.plots.style import REGION_COLOURS
from dualatme_keras.preprocessing.clip import PreparedClip

_TILE = 168
_GAP = 4


def draw_contact_sheet(clip: PreparedClip) -> np.ndarray:
    """Onset, apex with the HARS boxes, flow image and puzzle side by side, uint8 `(168, 684, 3)`."""
    tiles = [Image.fromarray(image) for image in (clip.onset_face, clip.apex_face, clip.entire, clip.puzzled)]
    resampling = (Image.BICUBIC, Image.BICUBIC, Image.NEAREST, Image.NEAREST)
    tiles = [tile.resize((_TILE, _TILE), how) for tile, how in zip(tiles, resampling, strict=True)]
    draw = ImageDraw.Draw(tiles[1])
    for (top, left, bottom, right), colour in zip(clip.boxes * _TILE, REGION_COLOURS, strict=True):
        draw.rectangle((left + 1, top + 1, right - 2, bottom - 2), outline=colour, width=2)
    strip = Image.new("RGB", (4 * _TILE + 3 * _GAP, _TILE), "white")
    for index, tile in enumerate(tiles):
        strip.paste(tile, (index * (_TILE + _GAP), 0))
    return np.asarray(strip)
