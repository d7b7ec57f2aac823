"""Decoding and augmentation on the GPU, a batch at a time: nvJPEG decodes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg

from trainer.data.augmentation import Draws, Key, crop_box, draw
from trainer.errors import DataError

# N = images, C = channels, H = height, W = width, S = side


def decode_images(
    images: Sequence[bytes | memoryview], size: int, names: Collection[str], keys: Sequence[Key], device: torch.device
) -> Tensor:
    """Decode JPEGs to uint8 RGB, N×3×S×S on the device, and augment them as `augment` does.

    Decoders and filters round differently, so that values differ a little from the CPU's. Raises DataError.
    """
    # nvJPEG reads from the memory of the CPU.
    raw = [torch.from_numpy(np.frombuffer(data, np.uint8).copy()) for data in images]
    try:
        pixels = decode_jpeg(raw, ImageReadMode.RGB, device=device)
    except RuntimeError as error:
        raise DataError(f"One of {len(images)} images cannot be decoded on {device}: {error}") from error
    draws = [draw(key) for key in keys]
    if "crop" in names:
        pixels = [_crop(image_CHW, drawn) for image_CHW, drawn in zip(pixels, draws, strict=True)]
    images_NCSS = torch.cat([_resize(image_CHW, size) for image_CHW in pixels])
    if "mirror" in names:
        mirrored_N = torch.tensor([drawn.mirrored for drawn in draws], device=device)
        images_NCSS = torch.where(mirrored_N.view(-1, 1, 1, 1), images_NCSS.flip(3), images_NCSS)
    if "color" in names:
        matrices = np.stack([drawn.color_matrix for drawn in draws])
        matrix_NC4 = torch.from_numpy(matrices).to(device, torch.float32)
        rotated_NCSS = torch.einsum("ncd,ndhw->nchw", matrix_NC4[:, :, :3], images_NCSS)
        images_NCSS = rotated_NCSS + matrix_NC4[:, :, 3, None, None]
    return images_NCSS.round().clamp(0, 255).to(torch.uint8).contiguous(memory_format=torch.channels_last)


def _crop(image_CHW: Tensor, draws: Draws) -> Tensor:
    top, left, side = crop_box(image_CHW.shape[1], image_CHW.shape[2], draws)
    return image_CHW[:, top : top + side, left : left + side]


def _resize(image_CHW: Tensor, size: int) -> Tensor:
    """Resize to float32, 1×3×S×S."""
    image_1CHW = image_CHW[None].float()
    if image_CHW.shape[1:] == (size, size):
        return image_1CHW
    return F.interpolate(image_1CHW, (size, size), mode="bilinear", antialias=True)
