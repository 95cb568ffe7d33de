"""Looks for one picture under two people's names: as it is, or mirrored to make more of it."""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

from dualatme_keras.data.findings import Finding
from dualatme_keras.errors import DualATMEError
from dualatme_keras.video import check_size, opened_image


def copied_images(images: Iterable[tuple[str, str, str, str]]) -> Iterator[Finding]:
    """Compares the pixels of all images, whatever their files are called.

    A copy of a test clip in another person's lists lets the network train on what it is tested on, and no
    name says so. Findings are errors of kind `leak`. Images of one colour are passed over, and so is what
    cannot be decoded; `image_audit.odd_images` tells of both.

    Args:
        images: path as the lists write it, file, `FILE:LINE` where the lists name it, and subject.

    Yields:
        A finding for each image that is a copy, or the mirror image (with or without the sign of u changed),
        of one of another subject before it.
    """
    seen = {}
    for path, file, where, subject in images:
        pixels = _decode(file)
        if pixels is None:
            continue
        own, mirrored = _digest(pixels), pixels[:, ::-1]
        turned = np.concatenate([255 - mirrored[..., :1], mirrored[..., 1:]], axis=-1)
        for what, digest in (
            ("the same picture as", own),
            ("the mirror image of", _digest(mirrored)),
            ("the mirror image of", _digest(turned)),
        ):
            known = seen.get(digest)
            if known is not None and known[1] != subject:
                yield Finding("leak", f"{path} of {subject} is {what} {known[0]} of {known[1]}", where)
                break
        seen.setdefault(own, (path, subject))


def _decode(file):
    try:
        with opened_image(file) as image:
            check_size(image.height, image.width, file, least=1)
            pixels = np.asarray(image.convert("RGB"))
    except DualATMEError:
        return None
    return None if (pixels == pixels[0, 0]).all() else pixels


def _digest(pixels):
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).digest()
