"""Looks for images that cannot be the flow of a clip: placeholders, photographs, files of another use."""

from collections.abc import Iterable, Iterator

import numpy as np

from dualatme_keras.data.findings import Finding
from dualatme_keras.errors import DualATMEError
from dualatme_keras.video import opened_image

_SIDES = (14, 4096)
"""Smallest and largest side of a flow image in pixels. A smaller one has less than half of the 28 that the
published network sees."""

_LARGEST_RATIO = 2
"""Of the longer side to the shorter one; aligned faces are about square."""


def odd_images(images: Iterable[tuple[str, str, str]]) -> Iterator[Finding]:
    """Looks at the images of lists, each decoded once, one at a time.

    Findings are of kind `image size` (too small, too large or too narrow), `one colour`, `grey image` (its
    channels are the same, but flow and strain are not), `transparent image`, `palette image` (at most 256
    colours) and `unreadable image`.

    Args:
        images: path as the lists write it, file, and `FILE:LINE` where the lists name it.

    Yields:
        What is odd, in the order of the images.
    """
    for path, file, where in images:
        for kind, message in _oddities(file):
            yield Finding(kind, f"{path} {message}", where)


def _oddities(file):
    try:
        with opened_image(file) as image:
            width, height = image.size
            if not _is_sized_as_flow(width, height):
                yield (
                    "image size",
                    f"has {width} x {height} pixels; flow images are about square, "
                    f"of {_SIDES[0]} to {_SIDES[1]} pixels a side",
                )
                return  # not decoded: it may be huge
            yield from _oddities_of_pixels(image)
    except DualATMEError as error:
        # Whoever decodes it for the network refuses it where it is none.
        yield "unreadable image", f"cannot be looked at ({error})"


def _is_sized_as_flow(width, height):
    shorter, longer = sorted((width, height))
    return _SIDES[0] <= shorter and longer <= min(_SIDES[1], _LARGEST_RATIO * shorter)


def _oddities_of_pixels(image):
    if image.mode in ("P", "PA"):
        yield "palette image", "has a palette: flow in at most 256 colours is rounded"
    if "A" in image.getbands() or "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        if alpha.min() < 255:
            yield "transparent image", "is transparent in places, which is dropped: what is below shows"
    deep = image.mode.startswith("I") or image.mode == "F"  # one channel, which RGB would cut off
    pixels = np.atleast_3d(np.asarray(image if deep else image.convert("RGB")))
    if (pixels == pixels[0, 0]).all():
        yield "one colour", f"has one colour, {tuple(pixels[0, 0].tolist())}, so there is no motion in it"
    elif (pixels == pixels[..., :1]).all():
        yield "grey image", "is grey: horizontal flow, vertical flow and strain would be the same"
