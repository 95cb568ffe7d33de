"""Tier 0: frames of a clip, whatever they come from: an image, a folder, a video, an array. NumPy only."""

from dualatme_keras.video.frames import (
    VIDEO_SUFFIXES,
    Clip,
    Frame,
    Frames,
    check_frame_count,
    frame_number,
    open_frames,
)
from dualatme_keras.video.images import (
    IMAGE_SUFFIXES,
    MOST_PIXELS,
    SMALLEST_SIDE,
    check_size,
    image_file,
    opened_image,
    read_image,
)

__all__ = [
    "IMAGE_SUFFIXES",
    "MOST_PIXELS",
    "SMALLEST_SIDE",
    "VIDEO_SUFFIXES",
    "Clip",
    "Frame",
    "Frames",
    "check_frame_count",
    "check_size",
    "frame_number",
    "image_file",
    "open_frames",
    "opened_image",
    "read_image",
]
