"""Optical strain and the 8-bit encoding of a flow field."""

import numpy as np
import pytest

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.resampling import resize_image
from dualatme_keras.preprocessing import PrepareSettings, encode_flow, optical_strain
from dualatme_keras.preprocessing.clip import encode_image


def affine_flow(u_x=0.0, u_y=0.0, v_x=0.0, v_y=0.0, height=5, width=7):
    """A field whose four derivatives are the same everywhere, also at the border."""
    y, x = np.mgrid[:height, :width].astype(float)
    return np.stack([u_x * x + u_y * y + 3.0, v_x * x + v_y * y - 2.0], axis=-1)


@pytest.mark.parametrize(
    ("derivatives", "strain"),
    [
        ({"u_x": 3.0, "v_y": 4.0}, 5.0),
        ({"u_y": 0.6, "v_x": 0.2}, 0.8 / np.sqrt(2)),  # shear counts half: 0.8^2 / 2 under the root
        ({"u_x": 1.0, "u_y": 2.0, "v_x": 2.0, "v_y": -1.0}, np.sqrt(1 + 1 + 8)),
        ({"u_y": 0.5, "v_x": -0.5}, 0.0),  # a rotation deforms nothing
        ({}, 0.0),  # nor does a translation
    ],
)
def test_strain_of_affine_field(derivatives, strain):
    result = optical_strain(affine_flow(**derivatives))
    assert result.shape == (5, 7)
    np.testing.assert_allclose(result, strain, atol=1e-12)


def test_channels_are_u_v_and_strain_each_scaled_by_itself():
    flow = np.zeros((4, 4, 2))
    flow[..., 0] = np.array([-2.0, -1.0, 0.0, 2.0])  # grows to the right
    flow[..., 1] = np.array([10.0, 10.5, 10.75, 11.0])[:, np.newaxis]  # grows downwards
    image = encode_flow(flow)
    assert image.dtype == np.uint8
    assert image.shape == (4, 4, 3)
    np.testing.assert_array_equal(image[0, :, 0], [0, 64, 128, 255])  # (u + 2) / 4 * 255, rounded
    np.testing.assert_array_equal(image[:, 0, 1], [0, 128, 191, 255])
    strain = optical_strain(flow)
    expected = np.rint(255 * (strain - strain.min()) / (strain.max() - strain.min()))
    np.testing.assert_array_equal(image[..., 2], expected)


def test_constant_channels_become_zero():
    np.testing.assert_array_equal(encode_flow(np.full((3, 3, 2), 7.0)), np.zeros((3, 3, 3)))
    image = encode_flow(affine_flow(u_x=1.0))
    assert image[..., 0].max() == 255
    assert image[..., 1:].max() == 0
    rotation = encode_flow(affine_flow(u_y=0.1, v_x=-0.1).astype("float32"))
    assert rotation[..., :2].max() == 255
    assert rotation[..., 2].max() == 0  # float32 rounding is no strain


def test_gain_and_translation_do_not_change_the_image():
    flow = np.random.default_rng(0).normal(size=(9, 6, 2))
    np.testing.assert_array_equal(encode_flow(0.5 * flow + [4.0, -8.0]), encode_flow(flow))


def test_strain_counts_per_pixel_of_the_image():
    """Only `fixed` keeps by how much the flow was made smaller."""
    stretched = affine_flow(u_x=0.1, height=112, width=112)
    bent = stretched + np.sin(np.mgrid[:112, :112] / 20).transpose(1, 2, 0)
    for size, strain in ((56, 0.2), (28, 0.4)):
        image = encode_image(stretched, PrepareSettings(encoding="fixed", image_size=size))
        assert image[size // 2, size // 2, 2] == round(255 * strain / 2.0)
        small = resize_image(bent, (size, size))
        for encoding in ("minmax", "joint"):
            image = encode_image(bent, PrepareSettings(encoding=encoding, image_size=size))
            np.testing.assert_array_equal(image, encode_flow(small * size / 112, encoding))


@pytest.mark.parametrize("function", [optical_strain, encode_flow])
@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3), (1, 4, 2), (4, 1, 2), (2, 4, 4, 2)])
def test_wrong_shape_is_named(function, shape):
    with pytest.raises(DualATMEError, match=r"Expected a flow field.*Received: shape \("):
        function(np.zeros(shape))


@pytest.mark.parametrize("function", [optical_strain, encode_flow])
def test_non_finite_flow_is_refused(function):
    flow = np.zeros((4, 4, 2))
    flow[1, 2, 0] = np.nan
    with pytest.raises(DualATMEError, match=r"finite numbers\. Received: 1 that"):
        function(flow)
