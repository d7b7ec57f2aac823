"""Read background photographs from installed packages, and move a view over one of them, defocused or sharp.

Clips and held-out images use different packages, so they have no background in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Photo:
    """A photograph: `package` is the Debian or Python package that contains it, `file` its path in that package."""

    package: str
    file: str
    author: str
    license: str


LOMIRI = "lomiri-wallpapers-16.04"
PALAPELI = "palapeli-data"
JPEGXL = "libjxl-testdata"
CLIP_PHOTOS = (
    Photo(LOMIRI, "aitzgorri_by_Aitzol_Berasategi.jpg", "Aitzol Berasategi", "CC BY 4.0"),
    Photo(LOMIRI, "friends_by_Aitzol_Berasategi.jpg", "Aitzol Berasategi", "CC BY 4.0"),
    Photo(LOMIRI, "life_by_Aitzol_Berasategi.jpg", "Aitzol Berasategi", "CC BY 4.0"),
    Photo(LOMIRI, "picosdeeuropa_by_Aitzol_Berasategi.jpg", "Aitzol Berasategi", "CC BY 4.0"),
    Photo(LOMIRI, "sunset_by_Aitzol_Berasategi.jpg", "Aitzol Berasategi", "CC BY 4.0"),
    Photo(LOMIRI, "Picture_0B_by_freespace.jpg", 'Trevor "Freespace"', "CC BY 4.0"),
    Photo(LOMIRI, "Picture_1A_by_freespace.jpg", 'Trevor "Freespace"', "CC BY 4.0"),
    Photo(LOMIRI, "Wine_by_Jakkub_Mede.jpg", "Jakub Mede", "CC BY 4.0"),
    Photo(LOMIRI, "seeding_by_Clements_Engelhardt.jpg", "Clemens Engelhardt", "CC0 1.0"),
    Photo(PALAPELI, "cincinnati-bridge.jpg", "Derek Jensen", "public domain"),
    Photo(PALAPELI, "citrus-fruits.jpg", "US Department of Agriculture", "public domain"),
    Photo(PALAPELI, "european-honey-bee.jpg", "John Severns", "public domain"),
    Photo(JPEGXL, "cvo9xd_keong_macan_srgb8.png", "keong_macan, wesaturate.com", "CC0 1.0"),
    Photo(JPEGXL, "tmshre_riaphotographs_srgb8.png", "riaphotographs, wesaturate.com", "CC0 1.0"),
    Photo(JPEGXL, "u76c0g_bliznaca_srgb8.png", "bliznaca, wesaturate.com", "CC0 1.0"),
)
HELD_OUT_PHOTOS = (
    Photo("scikit-image", "chelsea.png", "Stefan van der Walt", "CC0 1.0"),
    Photo("scikit-image", "coffee.png", "Rachel Michetti", "CC0 1.0"),
    Photo("scikit-image", "rocket.jpg", "SpaceX", "public domain"),
    Photo("scikit-image", "brick.png", "CC0Textures", "CC0 1.0"),
    Photo("scikit-image", "grass.png", "CC0Textures", "CC0 1.0"),
    Photo("scikit-learn", "china.jpg", "danielbuechele", "CC BY 2.0"),
    Photo("scikit-learn", "flower.jpg", "vultilion", "CC BY 2.0"),
)
DEBIAN_FOLDERS = {
    LOMIRI: "backgrounds",
    PALAPELI: "palapeli/collection",
    JPEGXL: "libjxl-testdata/external/wesaturate/500px",
}
MIN_CONTRAST = 0.08  # minimum standard deviation of brightness: camera motion is invisible on a plain sky
PYTHON_FOLDERS = {"scikit-image": ("skimage", "data"), "scikit-learn": ("sklearn", "datasets/images")}


def read_photo(share: Path, photo: Photo) -> NDArray[np.float32]:
    """Read a photograph as RGB, float32 [height, width, 3], 0 to 1. `share` is the data folder of Debian packages."""
    if photo.package in DEBIAN_FOLDERS:
        path = share / DEBIAN_FOLDERS[photo.package] / photo.file
    else:
        module, folder = PYTHON_FOLDERS[photo.package]
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            raise SystemExit(
                f"{photo.file} is in {photo.package}, which is not installed. Run: pip install {photo.package}"
            )
        path = Path(spec.origin).parent / folder / photo.file
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise SystemExit(f"{path} cannot be read. Install the Debian or Python package {photo.package}.")
    return np.asarray(image / np.float32(255), np.float32)


class Backdrop:
    """A piece of a photograph over which the camera moves: the frame plus a margin, blurred unless `sharp`."""

    def __init__(
        self,
        photo: NDArray[np.float32],
        width: int,
        height: int,
        margin: int,
        rng: np.random.Generator,
        *,
        sharp: bool = False,
    ) -> None:
        self._size = width, height
        wide, high = width + 2 * margin, height + 2 * margin
        self._center = wide / 2, high / 2
        blur = rng.uniform(4.0, 5.2) * min(width, height) / 180
        for _ in range(20):
            # The blurred piece decides also for a sharp background, so that both show the same piece.
            piece = _piece(photo, wide, high, rng)
            blurred = cv2.GaussianBlur(piece, (0, 0), blur)
            if blurred.mean(axis=2).std() > MIN_CONTRAST:
                break
        self._piece = np.asarray((piece if sharp else blurred) * rng.uniform(0.75, 1.05), np.float32)

    def view(self, right: float, down: float, zoom: float) -> NDArray[np.float32]:
        """Return the view of a camera that has moved by `right` and `down` pixels and magnifies by `zoom`."""
        width, height = self._size
        x, y = self._center[0] + right, self._center[1] + down
        matrix = np.array([[1 / zoom, 0, x - width / 2 / zoom], [0, 1 / zoom, y - height / 2 / zoom]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        view = cv2.warpAffine(self._piece, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
        return np.clip(np.asarray(view, np.float32), 0, 1)


def _piece(photo: NDArray[np.float32], wide: int, high: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a random piece of the photograph, mirrored or not, as float32 [high, wide, 3]."""
    scale = min(photo.shape[1] / wide, photo.shape[0] / high) * rng.uniform(0.45, 1.0)
    across, down = int(wide * scale), int(high * scale)
    left = rng.integers(photo.shape[1] - across + 1)
    top = rng.integers(photo.shape[0] - down + 1)
    piece = photo[top : top + down, left : left + across]
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    interpolation = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.ascontiguousarray(piece), (wide, high), interpolation=interpolation), np.float32)
