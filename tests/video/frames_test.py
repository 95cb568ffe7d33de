"""What frames as files become: 8 bits, upright, or an error that says why not."""

import io
import os
import re
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from frame_files import ORIENTATIONS, turned_file

from dualatme_keras.errors import DualATMEError
from dualatme_keras.video import open_frames, read_image

RAMP = np.arange(2**16, dtype="uint16").reshape(256, 256)
PICTURE = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype="uint8")


@pytest.mark.parametrize("name", ["clip.mp4", "folder"])
def test_what_cannot_be_read_is_told_of_that_clip(name, tmp_path, monkeypatch):
    """Whatever becomes of others beside it: a drive that is gone, a file of somebody else."""

    def fail(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "clip.mp4").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr("builtins.open", fail)
    monkeypatch.setattr(Path, "iterdir", fail)
    with pytest.raises(
        DualATMEError, match=f"a clip that can be read. Received: .*{name} .Permission denied"
    ):
        open_frames(tmp_path / name)


def test_grey_of_16_bits_keeps_its_upper_8(tmp_path):
    big = io.BytesIO()
    Image.fromarray(RAMP).save(big, "TIFF")
    files = {"ramp.png": RAMP, "ramp.tif": RAMP}
    for name, image in files.items():
        Image.fromarray(image).save(tmp_path / name)
    Image.fromarray(RAMP.astype(">u2")).save(tmp_path / "big.tif")
    for name in (*files, "big.tif"):
        read = read_image(tmp_path / name)
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, np.repeat((RAMP >> 8)[..., np.newaxis], 3, axis=-1), name)


def test_colours_of_16_bits_keep_their_upper_8(tmp_path):
    colours = np.stack([RAMP, RAMP[::-1], RAMP.T], axis=-1)
    cv2.imwrite(str(tmp_path / "colours.png"), colours[..., ::-1])
    np.testing.assert_array_equal(read_image(tmp_path / "colours.png"), colours >> 8)


def packed_tiff(grey):
    """A TIFF of 12 bits per pixel, two pixels in three bytes."""
    height, width = grey.shape
    first, second = grey[:, ::2].astype(int), grey[:, 1::2].astype(int)
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1).astype("uint8")
    entries = [(256, width), (257, height), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, height)]
    entries.append((279, packed.nbytes))
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries))
    header = struct.pack("<2sHI", b"II", 42, 8 + packed.nbytes)
    return header + packed.tobytes() + struct.pack("<H", len(entries)) + directory + bytes(4)


def test_grey_of_12_bits_that_the_file_tells_of(tmp_path):
    grey = np.arange(4096, dtype="uint16").reshape(64, 64)
    (tmp_path / "grey.tif").write_bytes(packed_tiff(grey))
    np.testing.assert_array_equal(read_image(tmp_path / "grey.tif")[..., 0], grey >> 4)


@pytest.mark.parametrize(
    ("mode", "name"),
    [("1", "a.png"), ("L", "a.png"), ("LA", "a.png"), ("P", "a.png"), ("RGBA", "a.png"), ("CMYK", "a.tif")],
)
def test_other_kinds_of_8_bits_become_colours(mode, name, tmp_path):
    image = Image.fromarray(PICTURE).convert(mode)
    if "A" in mode:
        image.putalpha(77)  # is dropped
    image.save(tmp_path / name)
    np.testing.assert_array_equal(read_image(tmp_path / name), image.convert("RGB"))


@pytest.mark.parametrize(("dtype", "mode"), [("float32", "F"), ("int32", "I")])
def test_numbers_without_a_known_range_are_refused(dtype, mode, tmp_path):
    Image.fromarray(RAMP.astype(dtype)).save(tmp_path / "deep.tif")
    with pytest.raises(DualATMEError, match=f"8 or 16 bits per channel.*deep.tif of mode '{mode}'.*Scale it"):
        read_image(tmp_path / "deep.tif")


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("name", ["several.tif", "several.png"])
def test_several_images_in_a_file_are_refused(name, count, tmp_path):
    images = [Image.fromarray(PICTURE), Image.fromarray(255 - PICTURE), Image.fromarray(PICTURE)]
    images[0].save(tmp_path / name, save_all=True, append_images=images[1:count])
    with pytest.raises(DualATMEError, match=f"one image in a file.*{name} with {count}. Write a file for"):
        read_image(tmp_path / name)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_files_are_turned_as_they_say(kind, orientation, tmp_path):
    smooth = cv2.resize(PICTURE[:5, :7], (47, 33))
    (tmp_path / "turned").write_bytes(turned_file(smooth, orientation, kind))
    read = read_image(tmp_path / "turned")
    assert read.shape == smooth.shape
    assert np.abs(read.astype(int) - smooth).max() <= (4 if kind == "JPEG" else 0)


def test_grey_of_16_bits_is_turned_too(tmp_path):
    (tmp_path / "turned").write_bytes(turned_file(RAMP[:40], 6))
    np.testing.assert_array_equal(read_image(tmp_path / "turned")[..., 0], RAMP[:40] >> 8)


def turned_video(path, frame, degrees, widened=1.0):
    """A video that is to be turned clockwise, as a phone held upright writes it: by the track's matrix; or
    whose pixels are to be widened."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, frame.shape[1::-1])
    for _ in range(3):
        video.write(np.ascontiguousarray(frame[..., ::-1]))
    video.release()
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44
    cosine, sine = (round(65536 * turn(np.deg2rad(degrees))) for turn in (np.cos, np.sin))
    across = round(cosine * widened)
    content[at : at + 36] = struct.pack(">9i", across, sine, 0, -sine, cosine, 0, 0, 0, 2**30)
    path.write_bytes(content)


@pytest.mark.parametrize("quarters", range(4))
def test_videos_are_turned_as_they_say(quarters, tmp_path):
    smooth = cv2.resize(PICTURE[:5, :7], (64, 48))
    turned_video(tmp_path / "turned.mp4", smooth, 90 * quarters)
    video = open_frames(tmp_path / "turned.mp4")
    expected = np.rot90(smooth, -quarters).astype(int)
    for number in (0, 2, 1):
        read = video.read(number)
        assert read.shape == expected.shape
        assert np.abs(read - expected).mean() < 10


def test_videos_turned_by_other_angles_are_refused(tmp_path):
    turned_video(tmp_path / "turned.mp4", np.zeros((48, 64, 3), "uint8"), 45)
    with pytest.raises(DualATMEError, match="turned by quarters.*turned.mp4, by 45 degrees more"):
        open_frames(tmp_path / "turned.mp4")


def test_videos_of_pixels_that_are_not_square_are_refused(tmp_path):
    """As camcorders write them: faces would be too narrow."""
    turned_video(tmp_path / "narrow.mp4", np.zeros((48, 64, 3), "uint8"), 0, 4 / 3)
    with pytest.raises(DualATMEError, match="square pixels.*narrow.mp4, whose are 1.33:1"):
        open_frames(tmp_path / "narrow.mp4")


def record_in_a_browser(path, count):
    """A WebM as browsers write it: frames at uneven times, 40 ms apart on average, and no rate."""
    write_webm(path, count)
    content = bytearray(path.read_bytes())
    at = content.index(bytes.fromhex("23e38384"))  # how long a frame is; becomes a filler of the same size
    content[at : at + 8] = bytes.fromhex("ec86") + bytes(6)
    path.write_bytes(content)
    set_times(path, [40 * number + number * (count - 1 - number) % 17 for number in range(count)])


def write_webm(path, count):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"VP80"), 30.0, (64, 48))
    for number in range(count):
        writer.write(np.full((48, 64, 3), 5 * number, "uint8"))
    writer.release()


def set_times(path, times):
    """Of the frames of a WebM, in milliseconds."""
    content = bytearray(path.read_bytes())
    start = 0
    for time in times:
        block = re.compile(rb"\xa3[\x80-\xff]\x81|\xa3[\x40-\x7f].\x81", re.DOTALL).search(content, start)
        start = block.end()
        content[start : start + 2] = time.to_bytes(2, "big")
    path.write_bytes(content)


def test_a_video_without_a_rate_has_that_of_its_times(tmp_path):
    """Videos of a browser's recorder, for example; OpenCV alone says 1,000 frames per second."""
    record_in_a_browser(tmp_path / "webcam.webm", 31)
    assert cv2.VideoCapture(str(tmp_path / "webcam.webm")).get(cv2.CAP_PROP_FPS) == 1000
    frames = open_frames(tmp_path / "webcam.webm")
    assert (len(frames), frames.frames_per_second) == (31, pytest.approx(25))
    assert open_frames(tmp_path / "webcam.webm", frames_per_second=30).frames_per_second == 30


def test_a_video_that_was_cut_keeps_its_rate(tmp_path):
    """Without encoding it anew, the last frames before the cut may be lost."""
    write_webm(tmp_path / "cut.webm", 12)
    set_times(tmp_path / "cut.webm", [*range(0, 330, 33), 400, 500])
    assert open_frames(tmp_path / "cut.webm").frames_per_second == pytest.approx(30)


def write_video(path, count=12):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, (64, 48))
    for number in range(count):
        writer.write(np.full((48, 64, 3), 20 * number, "uint8"))
    writer.release()


@pytest.mark.parametrize("kept", [2**27, 64 * 48 * 3 * 5, 0], ids=["kept", "too many to keep", "none kept"])
def test_frames_of_a_video_in_any_order(tmp_path, monkeypatch, kept):
    write_video(tmp_path / "talk.avi")
    monkeypatch.setattr("dualatme_keras.video.frames._KEPT_BYTES", kept)
    with open_frames(tmp_path / "talk.avi") as frames:
        assert (frames.name, frames.numbers, frames.frames_per_second) == ("talk", tuple(range(12)), 25.0)
        for number in (0, 1, 7, 3, 3, 11, 0):
            assert frames.read(number).shape == (48, 64, 3)
            assert abs(frames.read(number).mean() - 20 * number) < 2
        assert frames.seconds(5) == 0.2
        assert len(frames) == 12


@pytest.mark.parametrize("kept", [2**27, 0], ids=["kept", "none kept"])
def test_a_video_lets_its_file_go(tmp_path, monkeypatch, kept):
    write_video(tmp_path / "talk.avi")
    monkeypatch.setattr("dualatme_keras.video.frames._KEPT_BYTES", kept)
    with open_frames(tmp_path / "talk.avi") as frames:
        assert str(tmp_path / "talk.avi") in open_files()
        frames.read(0)
    assert str(tmp_path / "talk.avi") not in open_files()


def open_files():
    links = Path("/proc/self/fd")
    if not links.is_dir():
        pytest.skip("only Linux tells which files are open")
    return [os.readlink(link) for link in links.iterdir() if link.is_symlink()]


def test_frames_from_onset_to_offset():
    frames = open_frames(np.zeros((5, 32, 32, 3), "uint8"))
    assert frames.between(None, None) == [0, 1, 2, 3, 4]
    assert frames.between(1, 3) == [1, 2, 3]
    assert frames.between(0, 4) == [0, 1, 2, 3, 4]
    assert frames.between(2, 2) == [2]
    for number in (-1, 5):
        for what, pair in (("onset", (number, None)), ("offset", (None, number))):
            with pytest.raises(DualATMEError, match=f"the {what} to be a frame of clip, 0 to 4. .*{number}"):
                frames.between(*pair)


@pytest.mark.parametrize("rate", [0, -1.0, float("inf"), float("nan")])
def test_rates_that_are_none(rate):
    with pytest.raises(DualATMEError, match=f"positive number of frames per second. Received: {rate}"):
        open_frames(np.zeros((2, 32, 32), "uint8"), frames_per_second=rate)


def test_frames_have_a_time_where_there_is_a_rate():
    clip = np.zeros((3, 32, 32), "uint8")
    assert open_frames(clip).seconds(1) is None
    timed = open_frames(clip, "mine", 4.0)
    assert (timed.name, timed.seconds(None), timed.seconds(2)) == ("mine", None, 0.5)


def test_folders_of_frames(tmp_path):
    """Numbers are the last ones of names; what is no image or has no number is passed over."""
    for name in ("img7.png", "img10.PNG", "a2_img8.png"):
        Image.fromarray(PICTURE).save(tmp_path / name)
    for name in ("notes.txt", "img9.txt", "thumbs.png"):
        (tmp_path / name).touch()
    frames = open_frames(tmp_path)
    assert (frames.name, frames.numbers) == (tmp_path.name, (7, 8, 10))
    np.testing.assert_array_equal(frames.read(8), PICTURE)
    Image.fromarray(PICTURE).save(tmp_path / "img007.png")
    with pytest.raises(DualATMEError, match="one file per frame.*img007.png and img7.png"):
        open_frames(tmp_path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: "", "which is not there"),
        (lambda folder: folder / "absent.mp4", "absent.mp4', which is not there"),
        (lambda folder: folder, "without any"),
        (lambda folder: folder.parent, "which holds folders"),
        (lambda folder: 3, "Received: 3 of type int"),
        (lambda folder: [], "at least two frames. Received: none"),
        (lambda folder: [[[1, 2], [3]]], "images. Received: frame 0"),
        (lambda folder: [PICTURE, PICTURE.astype(float)], "frame 1 of shape .*float64"),
        (lambda folder: [PICTURE[..., :2]], "frame 0 of shape .33, 47, 2"),
        (lambda folder: [PICTURE[0, :, 0]], "frame 0 of shape .47,"),
        (lambda folder: [PICTURE[None]], "frame 0 of shape .1, 33, 47, 3"),
    ],
)
def test_what_is_no_clip(make, message, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(DualATMEError, match=f"Expected .*{message}"):
        open_frames(make(tmp_path / "folder"))


def test_frames_in_memory_become_colours():
    grey = open_frames([PICTURE[..., 0], PICTURE])
    assert len(grey) == 2
    np.testing.assert_array_equal(grey.read(0), np.stack([PICTURE[..., 0]] * 3, axis=-1))
    np.testing.assert_array_equal(grey.read(1), PICTURE)
