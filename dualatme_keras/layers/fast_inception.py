"""The Inception block and its 2x2 max-pool in half of the time on CPUs, with the same variables."""

import numpy as np
from keras import ops

from dualatme_keras.layers.convolution import on_clips


class FastInception:
    """Computes an `InceptionBlock` with `pool_size=2` by fewer passes over large tensors.

    The block is the definition; this is the same function of the same variables up to rounding. On a CPU
    most of the block's time goes into reading and writing feature maps of few channels, so:

    1. *1x1 convolutions are normalised in their weights.* For `z = x W`, with x the rows of all pixels, the
       batch's statistics follow from those of x alone: `mean(z) = mean(x) W` and
       `var(z) = diag(W' Cov(x) W)`. So batch norm's scale s and offset t are known before z is, and
       `z s + t = x (W s) + t` is one matrix product with a bias. Three paths share Cov(x).
    2. *Max-pooling comes before normalising.* `max(z s + t) = |s| max(sign(s) z) + t`, and the sign can be
       put into the kernel, so that the 3x3 and 5x5 paths are scaled, shifted and cut at zero on a quarter
       of the pixels. ReLU and maximum commute. Where s is known before z (1.) it all goes into the kernel.
    3. *Space to depth.* The 2x2 pixels of a cell become channels, `(dy, dx, channel)`. Output pixel
       `2i + e` of a k x k convolution reads input pixels `2i + e + u - k // 2`, u = 0..k-1, which lie in
       the cells i-1, i, i+1 for k = 3, 5: a 3x3 convolution between cells with four times the channels.
       Zero padding stays zero padding. CPUs compute many channels on few pixels faster.

    Variances are those of one pass, `mean(x^2) - mean(x)^2`: of their digits as many are lost as
    `(mean / deviation)^2` has. What is left below zero counts as zero. Images in [-1, 1] and what ReLU leaves
    of normalised values are far from that; values of mean 30 and deviation 0.001 want the plain form.

    A convolution's bias is cancelled by the batch's mean, so in training it only enters the moving mean.

    Args:
        block: the `InceptionBlock` whose variables to use.
    """

    def __init__(self, block):
        self._block = block

    def __call__(self, inputs, training=None):
        """`(batch, height, width, channels)` -> `(batch, height / 2, width / 2, 4 * filters)`."""
        block = self._block
        (path_1x1,), (reduce_3x3, path_3x3), (reduce_5x5, path_5x5), (pool, path_pool) = block.paths
        # As precise as the variables: sums over a batch of pixels lose too much in half precision.
        x = ops.cast(inputs, block.variable_dtype)
        pooled = pool.call(x)  # not `pool(x)`, which casts to half precision
        cells = _space_to_depth(x)  # (batch, height / 2, width / 2, 4 * channels)
        moments, pooled_moments = (_pixel_moments(v) if training else None for v in (x, pooled))
        outputs = [
            _pooled_1x1(x, path_1x1, moments),
            _pooled_convolution(cells, reduce_3x3, path_3x3, moments),
            _pooled_convolution(cells, reduce_5x5, path_5x5, moments),
            _pooled_1x1(pooled, path_pool, pooled_moments),
        ]
        return ops.cast(ops.relu(ops.concatenate(outputs, axis=-1)), block.compute_dtype)


def _pooled_1x1(x, unit, moments):
    """1x1 convolution, batch norm, 2x2 max-pool: `(batch, height / 2, width / 2, filters)`."""
    kernel, offset = _normalised_kernel(unit, moments)
    return on_clips(lambda x: ops.max_pool(x, 2, 2), _per_pixel(x, kernel)) + offset


def _pooled_convolution(cells, reduce, unit, moments):
    """1x1 convolution, batch norm, ReLU, k x k convolution, batch norm, 2x2 max-pool: the same shape."""
    kernel, offset = _normalised_kernel(reduce, moments)
    reduced = ops.relu(_per_pixel(cells, _on_four_pixels(kernel)) + ops.tile(offset, (4,)))
    gamma = ops.convert_to_tensor(unit.norm.gamma)
    sign = ops.where(gamma < 0, -ops.ones_like(gamma), ops.ones_like(gamma))
    kernel = ops.cast(unit.convolution.kernel, unit.variable_dtype) * sign
    kernel = _on_cells(kernel)
    z = on_clips(lambda x: ops.conv(x, kernel, padding="same"), reduced)
    if moments is not None:
        mean, second, count = _pixel_moments(z)  # of each of a cell's four pixels
        square = ops.sum(second * ops.eye(4 * unit.filters, dtype=second.dtype), axis=0)
        mean, square = (ops.mean(ops.reshape(v, (4, unit.filters)), axis=0) for v in (mean, square))
        moments = mean * sign, square - ops.square(mean), 4 * count
    scale, offset = _scale_and_offset(unit, moments)
    # The four pixels of a cell lie one after the other.
    cell_pixels = ops.reshape(z, (-1, 4, 1, unit.filters))
    largest = on_clips(lambda x: ops.max_pool(x, (4, 1), (4, 1)), cell_pixels)
    return ops.reshape(largest, (-1, *z.shape[1:3], unit.filters)) * (scale * sign) + offset


def _normalised_kernel(unit, moments):
    """Kernel `(channels, filters)` and offset `(filters,)` of a 1x1 convolution and its batch norm in one."""
    kernel = ops.cast(unit.convolution.kernel, unit.variable_dtype)[0, 0]
    if moments is not None:
        mean, second, count = moments
        covariance = second - mean[:, None] * mean
        variance = ops.sum(kernel * ops.matmul(covariance, kernel), axis=0)
        moments = ops.matmul(mean[None], kernel)[0], variance, count
    scale, offset = _scale_and_offset(unit, moments)
    return kernel * scale, offset


def _scale_and_offset(unit, moments):
    """What batch norm does to a convolution's output before its bias, `(filters,)` each.

    `moments` are mean, variance and number of these outputs, or None at inference.
    """
    bias, norm = ops.cast(unit.convolution.bias, unit.variable_dtype), unit.norm
    if moments is not None and norm.trainable:
        mean, variance, count = moments
        # One pass loses digits where values lie far from zero, and rounding may leave less than nothing.
        variance = ops.maximum(variance, 0.0)
        scale, offset = norm.train_affine(mean + bias, variance, count)
    else:
        scale, offset = norm.affine(norm.moving_mean, norm.moving_variance)
    return scale, offset + bias * scale


def _pixel_moments(x):
    """Mean `(channels,)` and second moments `(channels, channels)` over all pixels, and their number."""
    _batch, height, width, channels = x.shape
    pixels = ops.reshape(x, (-1, height * width, channels))
    moments = _row_moments(pixels)
    return moments[0], moments[1:], ops.shape(pixels)[0] * height * width


@ops.custom_gradient
def _row_moments(rows):
    """`(batch, n, c)` -> `(1 + c, c)`: the mean row, below it the mean of `outer(row, row)`.

    Sums clip by clip first: one sum over 100,000 rows loses three digits. Backward it takes two passes
    where automatic differentiation takes five.
    """
    batch, number, channels = ops.shape(rows)[0], rows.shape[1], rows.shape[2]
    share = 1.0 / ops.cast(ops.maximum(batch * number, 1), rows.dtype)
    total = ops.matmul(ops.ones((1, number), rows.dtype), rows)  # (batch, 1, c)
    second = ops.matmul(ops.transpose(rows, (0, 2, 1)), rows)  # (batch, c, c)

    def gradient(*arguments, upstream=None):
        upstream = (arguments[-1] if upstream is None else upstream) * share
        rows_gradient = ops.matmul(
            ops.reshape(rows, (-1, channels)), upstream[1:] + ops.transpose(upstream[1:])
        )
        return ops.reshape(rows_gradient + upstream[0], (-1, number, channels))

    return ops.sum(ops.concatenate([total, second], axis=1), axis=0) * share, gradient


def _per_pixel(x, kernel):
    """`(batch, height, width, channels)` times `(channels, outputs)`."""
    rows = ops.matmul(ops.reshape(x, (-1, x.shape[-1])), kernel)
    return ops.reshape(rows, (-1, *x.shape[1:-1], kernel.shape[-1]))


def _space_to_depth(x):
    """`(batch, height, width, channels)` -> `(batch, height / 2, width / 2, 4 * channels)`."""
    height, width, channels = x.shape[1:]
    x = ops.reshape(x, (-1, height // 2, 2, width // 2, 2, channels))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height // 2, width // 2, 4 * channels))


def _on_four_pixels(kernel):
    """A 1x1 kernel `(channels, filters)` for cells: `(4 * channels, 4 * filters)`, block diagonal."""
    channels, filters = kernel.shape
    same = ops.cast(np.eye(4)[:, None, :, None], kernel.dtype)
    return ops.reshape(same * kernel[None, :, None, :], (4 * channels, 4 * filters))


def _on_cells(kernel):
    """A kernel `(k, k, channels, filters)`, k = 3 or 5, for cells: `(3, 3, 4 * channels, 4 * filters)`."""
    size, _size, channels, filters = kernel.shape
    place = np.zeros((size, 3, 2, 2))  # [u, cell, d, e]: output pixel e reads u at pixel d of a cell
    for u in range(size):
        for e in range(2):
            cell, d = divmod(e + u - size // 2 + 2, 2)
            place[u, cell, d, e] = 1.0
    # [row cell, column cell, row d, column d, row e, column e, kernel row, kernel column]
    places = np.einsum("ucde,vxyz->cxdyezuv", place, place)
    places = ops.cast(places.reshape(-1, size * size), kernel.dtype)
    kernel = ops.matmul(places, ops.reshape(kernel, (size * size, -1)))
    kernel = ops.reshape(kernel, (3, 3, 4, 4, channels, filters))
    return ops.reshape(ops.transpose(kernel, (0, 1, 2, 4, 3, 5)), (3, 3, 4 * channels, 4 * filters))
