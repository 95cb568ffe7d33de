"""Tier 1: the layers of Dual-ATME, on TensorFlow and JAX (see docs/architecture.md)."""

from dualatme_keras.layers.batch_normalization import BatchNormalization
from dualatme_keras.layers.cbam import CBAM, ChannelAttention, SpatialAttention
from dualatme_keras.layers.face_alignment import FaceAlignment, landmarks_on_face
from dualatme_keras.layers.flow_image import FlowImage
from dualatme_keras.layers.flow_normalization import FlowNormalization
from dualatme_keras.layers.head_motion import HeadMotion
from dualatme_keras.layers.inception import ConvNormReLU, InceptionBlock
from dualatme_keras.layers.initializers import torch_uniform
from dualatme_keras.layers.mean_of_answers import MeanOfAnswers
from dualatme_keras.layers.optical_flow import TVL1Flow
from dualatme_keras.layers.random_flow_mirror import RandomFlowMirror, mirror_flow_image
from dualatme_keras.layers.random_flow_warp import RandomFlowWarp, warp_flow_image
from dualatme_keras.layers.region_boxes import RegionBoxes
from dualatme_keras.layers.roi_puzzle import ROIPuzzle
from dualatme_keras.layers.similarity_fusion import SimilarityFusion, cosine_similarity

__all__ = [
    "CBAM",
    "BatchNormalization",
    "ChannelAttention",
    "ConvNormReLU",
    "FaceAlignment",
    "FlowImage",
    "FlowNormalization",
    "HeadMotion",
    "InceptionBlock",
    "MeanOfAnswers",
    "ROIPuzzle",
    "RandomFlowMirror",
    "RandomFlowWarp",
    "RegionBoxes",
    "SimilarityFusion",
    "SpatialAttention",
    "TVL1Flow",
    "cosine_similarity",
    "landmarks_on_face",
    "mirror_flow_image",
    "torch_uniform",
    "warp_flow_image",
]
