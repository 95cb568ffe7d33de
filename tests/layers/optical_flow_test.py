"""TV-L1 flow in tensors: as OpenCV's, right on known motion, the same in any company."""

import cv2
import keras
import numpy as np
import pytest
from skimage import data

from dualatme_keras.errors import DualATMEError
from dualatme_keras.layers import TVL1Flow
from dualatme_keras.preprocessing import optical_flow

SIZE = 64


@pytest.fixture(scope="module")
def pairs():
    """Parts of a photograph, moved by known smooth fields of up to two pixels: frames and truth."""
    image = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY)
    y, x = np.mgrid[:SIZE, :SIZE].astype("float32")
    firsts, seconds, truth = [], [], []
    for index, (top, left) in enumerate([(60, 180), (90, 200), (250, 150), (10, 60)]):
        part = image[top : top + SIZE, left : left + SIZE]
        bump = np.exp(-0.5 * (((x - 32) / 14) ** 2 + ((y - 32) / 14) ** 2))
        angle = 1.7 * index
        flow = np.stack([np.cos(angle) * bump, np.sin(angle) * bump], axis=-1) * (0.5 + 0.5 * index)
        # Looked up where it comes from, to first order of a smooth field.
        source = np.stack([x, y], axis=-1) - flow
        moved = cv2.remap(part, source.astype("float32"), None, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE)
        firsts.append(part)
        seconds.append(moved)
        truth.append(flow)
    return np.stack(firsts), np.stack(seconds), np.stack(truth)


def tensors(frames):
    return keras.ops.convert_to_tensor(frames[..., np.newaxis].astype("float32"))


@pytest.fixture(scope="module")
def estimate(pairs):
    """Flow of some of the pairs, as one batch."""
    inputs = [keras.Input((SIZE, SIZE, 1)) for _ in range(2)]
    model = keras.Model(inputs, TVL1Flow()(inputs))
    return lambda chosen: np.asarray(
        model.predict_on_batch([tensors(frames[chosen]) for frames in pairs[:2]])
    )


@pytest.fixture(scope="module")
def flows(estimate):
    return estimate([0, 1, 2, 3])


def distance(first, second):
    return np.linalg.norm(first - second, axis=-1).mean(axis=(1, 2))


def test_agrees_with_opencv_and_is_no_worse(pairs, flows):
    firsts, seconds, truth = pairs
    opencv = np.stack([optical_flow(*pair) for pair in zip(firsts, seconds, strict=True)])
    assert distance(flows, opencv).max() < 0.05  # 0.15 is asked for
    assert np.all(distance(flows, truth) < distance(opencv, truth) + 0.01)
    assert np.all(distance(flows, truth) < 0.7 * np.linalg.norm(truth, axis=-1).mean(axis=(1, 2)))


@pytest.mark.parametrize(
    "steps",
    [
        {"warps": 1, "inner_iterations": 1, "outer_iterations": 1, "scales": 5},
        {"warps": 1, "inner_iterations": 3, "outer_iterations": 2, "scales": 2},
        {"warps": 2, "inner_iterations": 5, "outer_iterations": 3, "scales": 1},
        {"warps": 1, "inner_iterations": 30, "outer_iterations": 10, "scales": 1, "epsilon": 0.03},
    ],
)
def test_few_steps_are_opencvs(pairs, steps):
    """Before it converges, where later steps would mend what earlier ones did wrong; not square.

    On average almost exactly. Where a frame is flat, rounding decides, which differs between processors: no
    pixel is further away than OpenCV's own answer moves when the last bits of its frames are changed.
    """
    first, second = (np.ascontiguousarray(frames[0, :, :48]) for frames in pairs[:2])
    estimator = cv2.optflow.DualTVL1OpticalFlow_create(
        nscales=steps["scales"],
        warps=steps["warps"],
        innnerIterations=steps["inner_iterations"],
        outerIterations=steps["outer_iterations"],
        epsilon=steps.get("epsilon", 0.01),
    )
    opencv = estimator.calc(first, second, None)
    rng = np.random.default_rng(0)
    rounding = 0.0
    for _ in range(4):
        # OpenCV takes float frames of [0, 1].
        changed = [
            (frame / 255 * (1 + rng.uniform(-1, 1, frame.shape) * 2**-22)).astype("float32")
            for frame in (first, second)
        ]
        rounding = max(rounding, np.abs(estimator.calc(*changed, None) - opencv).max())
    found = np.asarray(TVL1Flow(**steps)([tensors(first[np.newaxis]), tensors(second[np.newaxis])]))[0]
    assert np.linalg.norm(opencv, axis=-1).max() > 0.2
    assert np.abs(found - opencv).mean() < 1e-4
    assert np.abs(found - opencv).max() < max(rounding, 1e-3)


def test_answers_do_not_depend_on_the_company(estimate, flows):
    """Bit by bit in batches of one size; another size rounds differently, which early stopping amplifies."""
    np.testing.assert_array_equal(estimate([2, 0])[0], estimate([2, 3])[0])
    assert distance(estimate([2]), flows[2:3]).max() < 0.05


def test_still_frames_do_not_move(pairs):
    frames = tensors(pairs[0][:1])
    assert np.abs(np.asarray(TVL1Flow()([frames, frames]))).max() < 1e-3


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((1, 20, 20, 1), (1, 20, 21, 1)), "one shape"),
        (((1, 15, 20, 1), (1, 15, 20, 1)), "16 pixels"),
        (((1, 20, 15, 1), (1, 20, 15, 1)), "16 pixels"),
        (((1, 20, 20, 3), (1, 20, 20, 3)), "grey"),
    ],
)
def test_bad_frames(shapes, message):
    with pytest.raises(DualATMEError, match=message):
        TVL1Flow()([np.zeros(shape, "float32") for shape in shapes])


@pytest.mark.parametrize(
    ("batch", "value"), [(2, np.nan), (2, 1e30), (0, 0.0)], ids=["no numbers", "too large", "no clips"]
)
def test_frames_without_an_answer(batch, value):
    """Whatever flow comes of them, it is looked up within the frames."""
    frames = np.random.default_rng(0).uniform(0, 255, (2, batch, 20, 25, 1)).astype("float32")
    frames[:, :1, 3, 4] = value
    flow = TVL1Flow(warps=2, scales=1, outer_iterations=1)([*map(keras.ops.convert_to_tensor, frames)])
    assert flow.shape == (batch, 20, 25, 2)


def test_the_smallest_frames():
    frames = [keras.Input((16, 17, 1)), keras.Input((16, 17, 1))]
    assert TVL1Flow()(frames).shape == (None, 16, 17, 2)


@pytest.mark.parametrize(
    "setting",
    [
        *({"scale_step": 1.0}, {"scale_step": 0.0}, {"median_size": 4}, {"warps": 0}, {"scales": 0}),
        *({name: 0.0} for name in ("tau", "attachment", "theta", "epsilon")),
    ],
    ids=str,
)
def test_bad_settings(setting):
    with pytest.raises(DualATMEError, match="Expected"):
        TVL1Flow(**setting)
