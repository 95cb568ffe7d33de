"""Images from disk: every kind is read as RGB, batches are complete and reproducible."""

import dataclasses
import io
import pickle

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dualatme_keras.data import Clip, ImageTable, decode_image
from dualatme_keras.errors import DualATMEError

PIXELS = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype="uint8")
GREY = PIXELS[..., 0]
GREY16 = np.random.default_rng(1).integers(0, 65536, (28, 28), dtype="uint16")


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def expected(values, maximum=255):
    return np.broadcast_to(np.asarray(values, "float64").reshape(28, 28, -1), (28, 28, 3)) / maximum * 2 - 1


PALETTE = Image.fromarray(PIXELS // 64 * 64).quantize(64)
KINDS = {
    "rgb": (Image.fromarray(PIXELS), expected(PIXELS)),
    "grey": (Image.fromarray(GREY), expected(GREY)),
    "16-bit grey": (Image.fromarray(GREY16), expected(GREY16, 65535)),
    "1-bit": (Image.fromarray(GREY > 127), expected(GREY > 127, 1)),
    "palette": (PALETTE, expected(PALETTE.convert("RGB"))),
    "alpha": (Image.fromarray(np.dstack([PIXELS, GREY])), expected(PIXELS)),
    "grey with alpha": (Image.fromarray(np.dstack([GREY, GREY]).copy()), expected(GREY)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_png(kind):
    image, values = KINDS[kind]
    np.testing.assert_allclose(decode_image(tf.constant(encoded(image)), 28), values, atol=1e-6)


def test_palette_with_transparent_colour():
    image = decode_image(tf.constant(encoded(PALETTE, transparency=3)), 28)
    np.testing.assert_allclose(image, KINDS["palette"][1], atol=1e-6)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg(mode):
    smooth = Image.fromarray(PIXELS).resize((7, 7)).resize((28, 28), Image.Resampling.BICUBIC).convert(mode)
    content = encoded(smooth, "JPEG", quality=95)
    values = expected(Image.open(io.BytesIO(content)).convert("RGB"))
    # Decoders may differ by a few grey levels.
    np.testing.assert_allclose(decode_image(tf.constant(content), 28), values, atol=4 / 255 * 2)


def test_resize_is_antialiased_bilinear():
    large = np.random.default_rng(2).integers(0, 256, (90, 120, 3), dtype="uint8")
    bands = [
        Image.fromarray(large[..., band].astype("float32")).resize((28, 28), Image.Resampling.BILINEAR)
        for band in range(3)
    ]
    image = decode_image(tf.constant(encoded(Image.fromarray(large))), 28)
    np.testing.assert_allclose(image, np.stack(bands, axis=-1) / 255 * 2 - 1, atol=1e-5)


@pytest.fixture
def image_clips(tmp_path):
    """Ten clips whose entire image is constant at 10 i and whose puzzled image at 10 i + 1."""
    clips = []
    for i in range(10):
        for folder, ending, value in (("flow", "flow", 10 * i), ("flow_puzzle", "flow_puzzle", 10 * i + 1)):
            path = tmp_path / "casme2" / folder / f"sub01_c{i}_{ending}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (28, 28), (value,) * 3).save(path)
        clips.append(Clip(f"/elsewhere/casme2/flow/sub01_c{i}_flow.png", "sub01", "casme2", i % 3))
    return clips


def rows(dataset):
    """Which clips came, batch by batch, checked against both images and the label."""
    batches = []
    for images, labels in dataset:
        entire = np.rint((images["entire"].numpy()[:, 0, 0, 0] + 1) * 127.5).astype(int)
        puzzled = np.rint((images["puzzled"].numpy()[:, 0, 0, 0] + 1) * 127.5).astype(int)
        np.testing.assert_array_equal(puzzled, entire + 1)
        np.testing.assert_array_equal(labels, entire // 10 % 3)
        batches.append((entire // 10).tolist())
    return batches


def test_batches_in_order_with_the_small_last_one(image_clips, tmp_path):
    table = ImageTable(image_clips, data_root=tmp_path)
    assert rows(table.dataset(image_clips, 4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert rows(table.dataset(image_clips[7:2:-2], 4)) == [[7, 5, 3]]


def test_shuffle_is_new_each_epoch_and_the_same_for_a_seed(image_clips, tmp_path):
    table = ImageTable(image_clips, data_root=tmp_path)

    def epochs(seed):
        dataset = table.dataset(image_clips, 4, shuffle_seed=seed)
        return [rows(dataset), rows(dataset)]

    first = epochs(7)
    assert first == epochs(7)
    assert first != epochs(8)
    assert first[0] != first[1]
    for epoch in first:
        assert [len(batch) for batch in epoch] == [4, 4, 2]
        assert sorted(clip for batch in epoch for clip in batch) == list(range(10))


def test_each_image_is_read_once(image_clips, tmp_path):
    table = ImageTable(image_clips, data_root=tmp_path)
    dataset = table.dataset(image_clips, 4)
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    assert [clip for batch in rows(dataset) for clip in batch] == list(range(10))


def test_a_digest_is_that_of_one_database_and_of_nothing_but_its_images(image_clips, tmp_path):
    clips = [
        dataclasses.replace(clip, database="samm" if index < 4 else "smic")
        for index, clip in enumerate(image_clips)
    ]
    before = ImageTable(clips, data_root=tmp_path).digests()
    assert list(before) == ["samm", "smic"]
    moved = tmp_path / "moved"
    for path in [*tmp_path.rglob("*.png")]:
        target = moved / path.relative_to(tmp_path)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    assert ImageTable(clips, data_root=moved).digests() == before
    changed = next(moved.rglob("*_c0_flow_puzzle.png"))
    Image.new("RGB", (28, 28)).save(changed)
    after = ImageTable(clips, data_root=moved).digests()
    assert (after["samm"] == before["samm"], after["smic"] == before["smic"]) == (False, True)
    assert len({*before.values(), *after.values()}) == 3


def test_only_the_wanted_images_are_read(image_clips, tmp_path):
    for path in tmp_path.rglob("*_puzzle.png"):
        path.unlink()
    table = ImageTable(image_clips, inputs=("entire",), data_root=tmp_path)
    images, _labels = next(iter(table.dataset(image_clips, 4)))
    assert list(images) == ["entire"]
    with pytest.raises(DualATMEError, match="sub01_c0_flow_puzzle.png, which is not there"):
        ImageTable(image_clips, data_root=tmp_path)
    with pytest.raises(DualATMEError, match="Expected inputs out of"):
        ImageTable(image_clips, inputs=("whole",), data_root=tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"hello", encoded(Image.fromarray(PIXELS))[:-300]], ids=["empty", "text", "truncated"]
)
def test_unreadable_image_is_named(content, image_clips, tmp_path):
    (tmp_path / "casme2" / "flow" / "sub01_c6_flow.png").write_bytes(content)
    with pytest.raises(
        DualATMEError, match=rf"sub01_c6_flow.png \({len(content)} bytes; [A-Z][^{{\[]+\)\. Is"
    ):
        ImageTable(image_clips, data_root=tmp_path)


def test_read_from_files_they_are_the_same(image_clips, tmp_path):
    """Batches, orders of every epoch and digests, bit by bit."""
    noise = np.random.default_rng(3)
    for path in tmp_path.rglob("*.png"):  # of other sizes than asked for, as is what is resized
        Image.fromarray(noise.integers(0, 256, (40, 36, 3), dtype="uint8")).save(path)
    clips = [dataclasses.replace(clip, database=f"d{index % 2}") for index, clip in enumerate(image_clips)]
    kept, read = (ImageTable(clips, data_root=tmp_path, memory=memory) for memory in (2**20, 0))
    assert (kept.in_memory, read.in_memory) == (True, False)
    assert kept.digests() == read.digests()
    assert (kept.nbytes, read.nbytes, read.decoded_bytes) == (10 * 2 * 28 * 28 * 3 * 4, 0, kept.nbytes)
    for seed in (None, 7):
        pairs = [
            table.dataset(clips[1:], 4, shuffle_seed=seed)
            for table in (kept, pickle.loads(pickle.dumps(read)))
        ]
        assert pairs[0].element_spec == pairs[1].element_spec
        for _ in range(2):
            for one, other in zip(*(dataset.as_numpy_iterator() for dataset in pairs), strict=True):
                for name in ("entire", "puzzled"):
                    assert one[0][name].tobytes() == other[0][name].tobytes()
                np.testing.assert_array_equal(one[1], other[1])
    with pytest.raises(DualATMEError, match="Expected a table in memory"):
        _ = read.images


def test_a_quarter_of_the_memory_that_is_left_is_taken_and_no_more(image_clips, tmp_path, monkeypatch):
    needed = 10 * 2 * 28 * 28 * 3 * 4
    for left, kept in ((4 * needed, True), (4 * needed - 1, False)):
        monkeypatch.setattr("dualatme_keras.data.pipeline.available_memory", lambda left=left: left)
        assert ImageTable(image_clips, data_root=tmp_path).in_memory is kept


def test_a_file_that_is_gone_is_named(image_clips, tmp_path):
    table = ImageTable(image_clips, data_root=tmp_path, memory=0)
    assert table.find_unreadable() is None
    (tmp_path / "casme2" / "flow_puzzle" / "sub01_c6_flow_puzzle.png").unlink()
    with pytest.raises(tf.errors.OpError):
        list(table.dataset(image_clips, 4))
    assert "sub01_c6_flow_puzzle.png, which is not there" in str(table.find_unreadable())
