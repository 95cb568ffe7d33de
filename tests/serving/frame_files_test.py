"""Frames as files: the exported graph sees the pixels that this package reads from them."""

import io
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage import data

sys.path.insert(0, str(Path(__file__).parents[1]))
from frame_files import ORIENTATIONS, turned_file

from dualatme_keras.serving.encoded_images import check_encoded
from dualatme_keras.serving.frame_files import decode_frame
from dualatme_keras.video import read_image

RAMP = np.arange(2**16, dtype="uint16").reshape(256, 256)
FACE = np.ascontiguousarray(data.astronaut()[60:180, 150:300])


@pytest.fixture(scope="module")
def graph():
    return tf.function(decode_frame, input_signature=[tf.TensorSpec((), tf.string)])


@pytest.fixture
def decoded(graph, tmp_path):
    """Decodes a file's content in a graph and from disk; both must see the same."""

    def decode(content):
        (tmp_path / "frame").write_bytes(content)
        read = read_image(tmp_path / "frame")
        np.testing.assert_array_equal(graph(content).numpy(), read)
        return read

    return decode


def written(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize("quality", [60, 95])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg_files(quality, subsampling, decoded):
    read = decoded(written(Image.fromarray(FACE), "JPEG", quality=quality, subsampling=subsampling))
    assert np.abs(read.astype(int) - FACE).mean() < 8
    decoded(written(Image.fromarray(FACE).convert("L"), "JPEG", quality=quality, progressive=True))


def test_files_of_16_bits(decoded):
    read = decoded(written(Image.fromarray(RAMP), "PNG"))
    np.testing.assert_array_equal(read[..., 0], RAMP >> 8)
    for channels in (3, 4):
        colours = np.stack([RAMP, RAMP[::-1], RAMP.T, RAMP][:channels], axis=-1)
        decoded(cv2.imencode(".png", colours)[1].tobytes())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_other_kinds_of_png_files(mode, decoded):
    image = Image.fromarray(FACE).convert(mode)
    if "A" in mode:
        image.putalpha(77)
    decoded(written(image, "PNG"))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_files_are_turned_as_they_say(orientation, decoded):
    for kind in ("PNG", "JPEG"):
        for options in ({}, {"endian": ">"}, {"xmp": True}):
            if (kind, options) == ("PNG", {"xmp": True}):
                continue
            read = decoded(turned_file(FACE, orientation, kind, **options))
            assert read.shape == FACE.shape
            assert np.abs(read.astype(int) - FACE).mean() < 1


def test_bytes_that_only_look_like_an_orientation(decoded):
    """A camera's own comment, and a file without any tag."""
    exif = Image.Exif()
    exif[0x010E] = "Orientation 6, tiff:Orientation"
    decoded(written(Image.fromarray(FACE), "JPEG", exif=exif))
    decoded(written(Image.fromarray(FACE), "JPEG"))


@pytest.fixture(scope="module")
def checked():
    signature = [tf.TensorSpec((), tf.string)]
    return tf.function(
        lambda encoded: check_encoded(encoded, 32, "onset_bytes", tf.constant(3)), input_signature=signature
    )


@pytest.mark.parametrize("kind", [".png", ".jpg"])
def test_files_are_known_by_their_header(checked, kind):
    content = cv2.imencode(kind, FACE)[1].tobytes()
    assert checked(content).numpy() == content
    least = cv2.imencode(kind, FACE[:32])[1].tobytes()
    assert checked(least).numpy() == least
    small = cv2.imencode(kind, FACE[:31])[1].tobytes()
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least 32 x 32"):
        checked(small)


@pytest.mark.parametrize("content", [b"", b"GIF89a" + bytes(40), b"\x89PNG\r\n", b"\xff\xd7" + bytes(40)])
def test_other_files_are_refused_with_their_item(checked, content):
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"PNG or JPEG file in onset_bytes.*in item\] \[3\]"
    ):
        checked(content)
