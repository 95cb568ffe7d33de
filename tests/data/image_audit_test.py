"""Images that cannot be the flow of a clip are named before anything is trained on them."""

import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from dualatme_keras.data import audit, puzzled_path, read_lists, write_lists
from dualatme_keras.errors import DualATMEError


def flow_pixels(height=28, width=28, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (height, width, channels), "uint8")


def palette(transparent=False):
    image = Image.fromarray(flow_pixels()).quantize(200)
    if transparent:
        image.info["transparency"] = image.getpixel((3, 4))
    return image


def with_alpha(pixels, alpha):
    return Image.fromarray(np.concatenate([pixels, np.full_like(pixels[..., :1], alpha)], axis=-1))


@pytest.fixture
def images(clips, tmp_path):
    """Sound flow images and puzzles of all clips below ROOT, and their lists; gives (ROOT, LISTS)."""
    root = tmp_path / "data"
    for seed, clip in enumerate(clips, start=1):
        for path in (clip.path, puzzled_path(clip.path)):
            save(root, path, Image.fromarray(flow_pixels(seed=seed)))
    write_lists(clips, tmp_path / "lists")
    return root, tmp_path / "lists"


def save(root, path, image, **options):
    file = root / path.removeprefix("/home/user/data/")
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(image, bytes):
        file.write_bytes(image)
    else:
        image.save(file, "PNG", **options)


def report_of(images, **arguments):
    return audit(read_lists(images[1]), data_root=images[0], check_files=True, **arguments)


SOUND = {
    "8 bits": Image.fromarray(flow_pixels()),
    "opaque alpha": with_alpha(flow_pixels(), 255),
    "as long as two wide": Image.fromarray(flow_pixels(28, 56)),
    "smallest": Image.fromarray(flow_pixels(14, 14)),
    "motion in one direction": Image.fromarray(flow_pixels() * np.array([1, 0, 0], "uint8")),
    "one pixel moves": Image.fromarray(np.pad(flow_pixels(1, 1), ((0, 27), (0, 27), (0, 0)))),
    "nearly grey": Image.fromarray(
        np.where(np.eye(28)[..., None] > 0, flow_pixels(), flow_pixels()[..., :1])
    ),
}

ODD = {
    "one colour": (Image.new("RGB", (28, 28), (128, 127, 0)), {"one colour": r"one colour, \(128, 127, 0\)"}),
    "black": (Image.new("L", (28, 28)), {"one colour": "one colour"}),
    "grey of one channel": (Image.fromarray(flow_pixels()[..., 0]), {"grey image": "is grey"}),
    "grey of three": (Image.fromarray(flow_pixels()[..., :1].repeat(3, -1)), {"grey image": "is grey"}),
    "grey of 16 bits": (
        Image.fromarray(flow_pixels()[..., 0].astype("uint16") + 300),
        {"grey image": "is grey"},
    ),
    "1 x 1": (Image.new("RGB", (1, 1)), {"image size": "has 1 x 1 pixels"}),
    "2000 x 10": (Image.fromarray(flow_pixels(10, 2000)), {"image size": "has 2000 x 10 pixels"}),
    "too long": (Image.fromarray(flow_pixels(57, 28)), {"image size": "has 28 x 57 pixels"}),
    "too small": (Image.fromarray(flow_pixels(13, 13)), {"image size": "has 13 x 13 pixels"}),
    "too large": (Image.new("L", (4097, 4097)), {"image size": "has 4097 x 4097 pixels"}),
    "transparent": (with_alpha(flow_pixels(), 254), {"transparent image": "is transparent in places"}),
    "palette": (palette(), {"palette image": "at most 256 colours"}),
    "transparent palette": (
        palette(transparent=True),
        {"palette image": "at most 256 colours", "transparent image": "is transparent in places"},
    ),
    "no image": (b"GIF89a", {"unreadable image": "cannot be looked at"}),
}


@pytest.mark.parametrize("image", SOUND.values(), ids=SOUND)
def test_flow_images_pass(images, clips, image):
    save(images[0], clips[5].path, image)
    assert report_of(images).warnings == []


@pytest.mark.parametrize(("image", "expected"), ODD.values(), ids=ODD)
@pytest.mark.parametrize("named", [lambda path: path, puzzled_path], ids=["entire", "puzzled"])
def test_what_is_no_flow_is_a_warning_with_its_name(images, clips, named, image, expected):
    save(images[0], named(clips[5].path), image)
    report = report_of(images)
    assert report.errors == []
    assert [finding.kind for finding in report.warnings] == list(expected)
    for finding in report.warnings:
        assert re.search(expected[finding.kind], finding.message)
        assert finding.message.startswith(f"{named(clips[5].path)} ")
        assert finding.where == f"{images[1] / '006_test.txt'}:2"
    report.raise_if_failed()
    with pytest.raises(DualATMEError, match=re.escape(f"{named(clips[5].path)} ")):
        report.raise_if_failed(strict=True)


def test_puzzles_that_are_not_needed_are_not_looked_at(images, clips):
    save(images[0], puzzled_path(clips[5].path), Image.new("RGB", (28, 28)))
    assert report_of(images, puzzled=False).warnings == []
    assert audit(read_lists(images[1]), data_root=images[0]).warnings == []


def test_many_are_named_in_few_lines(images, clips):
    for seed, clip in enumerate(clips):
        for path in (clip.path, puzzled_path(clip.path)):
            save(images[0], path, Image.fromarray(flow_pixels(seed=seed)[..., 0]))
    save(images[0], clips[0].path, Image.new("RGB", (1, 1)))
    report = report_of(images)
    assert Counter(finding.kind for finding in report.warnings) == {"image size": 1, "grey image": 23}
    lines = str(report).splitlines()
    assert "Warning, grey image (23):" in lines
    assert "  … and 13 more" in lines
    assert len(lines) == 15


def test_training_and_scoring_say_so(images, clips, tmp_path, capsys):
    from dualatme_keras.evaluation.weights import predict_lists
    from dualatme_keras.models import DualATME
    from dualatme_keras.training import TrainConfig, run_loso

    save(images[0], clips[5].path, Image.fromarray(flow_pixels()[..., 0]))
    root, lists = map(str, images)
    config = TrainConfig(lists=lists, data_root=root, workdir=str(tmp_path / "run"), strict=True)
    with pytest.raises(DualATMEError, match="grey image"):
        run_loso(config)
    assert len(predict_lists(DualATME.from_preset("tiny"), lists, root)) == len(clips)
    assert f"006_test.txt:2: {clips[5].path} is grey" in capsys.readouterr().out


MADE_OF = {
    "the same picture as": lambda pixels: pixels,
    "the mirror image of": lambda pixels: pixels[:, ::-1],
    "the mirror image  of": lambda pixels: np.stack(
        [255 - pixels[:, ::-1, 0], pixels[:, ::-1, 1], pixels[:, ::-1, 2]], axis=-1
    ),
}


@pytest.mark.parametrize("what", MADE_OF)
def test_one_picture_of_two_people_is_a_leak(what, images, clips):
    """More clips made of few, on either side of the split: as they are, mirrored, mirrored as flow is."""
    first, copy = clips[0], next(clip for clip in clips if clip.subject != clips[0].subject)
    save(images[0], copy.path, Image.fromarray(MADE_OF[what](flow_pixels(seed=1))))
    report = report_of(images)
    (error,) = report.errors
    assert error.kind == "leak"
    told = f"{copy.path} of {copy.subject} is {what.replace('  ', ' ')} {first.path} of {first.subject}"
    assert error.message == told
    with pytest.raises(DualATMEError, match="leak"):
        report.raise_if_failed()


def test_copies_of_one_person_and_of_nothing_are_no_leak(images, clips):
    """Both are on the same side of every split. A placeholder is a warning of its own."""
    own = [clip for clip in clips if clip.subject == clips[0].subject]
    assert len(own) > 1
    save(images[0], own[1].path, Image.fromarray(flow_pixels(seed=1)[:, ::-1]))
    others = [clip for clip in clips if clip.subject != clips[0].subject][:2]
    for clip in others:
        save(images[0], clip.path, Image.fromarray(np.full((28, 28, 3), 7, "uint8")))
    report = report_of(images)
    assert report.errors == []
    assert Counter(warning.kind for warning in report.warnings) == {"one colour": 2}
