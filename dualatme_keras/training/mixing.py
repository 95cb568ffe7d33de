"""Mixup: pairs of clips that become one."""

import tensorflow as tf


def mix_batches(
    dataset: tf.data.Dataset, alpha: float, num_classes: int, seed: int, class_weight: dict | None = None
) -> tf.data.Dataset:
    """Mixes each clip of a batch with another one of it.

    Args:
        dataset: of `(images, labels)`, labels integers.
        alpha: of the beta distribution of the share that the first clip of a pair has, positive.
        num_classes: number of classes.
        seed: of shares and pairs.
        class_weight: weight of each class; None for equal ones.

    Returns:
        A dataset of `(images, labels, weights)`: labels float32 `(batch, num_classes)`, shares of the
        classes; weights `(batch,)`, those of both clips' classes.

    References:
        Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018.
    """
    weights = tf.constant([(class_weight or {}).get(label, 1.0) for label in range(num_classes)])
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)

    def mix(batch, seed):
        images, labels = batch
        clips = tf.shape(labels)[0]
        order = tf.argsort(tf.random.stateless_uniform((clips,), seed))
        first, second = tf.unstack(tf.random.stateless_gamma((2, clips), tf.add(seed, [1, 0]), alpha=alpha))
        share = first / tf.maximum(first + second, 1e-30)

        def mixed(values):
            own = tf.reshape(share, (-1, *[1] * (len(values.shape) - 1)))
            return own * values + (1.0 - own) * tf.gather(values, order)

        labels = mixed(tf.one_hot(labels, num_classes))
        images = tf.nest.map_structure(mixed, images)
        return images, labels, tf.linalg.matvec(labels, weights)

    # One after the other, which is what makes the order of random numbers sure.
    return tf.data.Dataset.zip((dataset, seeds)).map(mix).prefetch(tf.data.AUTOTUNE)
