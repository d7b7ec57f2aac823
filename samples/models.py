"""Read the furniture models of the Debian package `sweethome3d-furniture`: catalogs, and OBJ files as triangles."""

from __future__ import annotations

import csv
import posixpath
import re
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

# The license of each catalog, from the copyright file of the package.
LICENSES = {
    "BlendSwap-CC-0": "CC0 1.0",
    "BlendSwap-CC-BY": "CC BY 3.0",
    "KatorLegaz": "CC BY 3.0 US",
    "Reallusion": "CC BY 3.0 US",
    "Scopia": "CC BY 3.0",
}
TEXTURE_SIDE = 256  # objects are drawn at about 100 px; larger textures would only cost memory


@dataclass(frozen=True)
class Model:
    """An entry of a catalog. `rotation` turns the axes of the file so that the model stands upright and faces +z."""

    catalog: str
    file: str
    name: str
    author: str
    rotation: tuple[float, ...] | None

    @property
    def license(self) -> str:
        return LICENSES[self.catalog]


@dataclass(frozen=True)
class Instance:
    """A labeled model. Variants of one base mesh share `lookalike`."""

    id: str
    kind: str
    lookalike: str
    model: Model


@dataclass(frozen=True)
class Part:
    """The `count` vertices from `first` on, which have one material. `texture` is RGBA, uint8, top row first."""

    first: int
    count: int
    color: tuple[float, float, float]
    opacity: float
    texture: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh: `vertices` is float32 [3·triangles, 8] (position, normal, texture coordinate).

    `hull` is float32 [n, 3], the corners of the convex hull, which suffice to compute the extent of the mesh.
    """

    vertices: NDArray[np.float32]
    hull: NDArray[np.float32]
    parts: list[Part]


@dataclass
class Material:
    color: tuple[float, float, float] = (0.8, 0.8, 0.8)
    opacity: float = 1.0
    texture: str | None = None


def read_catalogs(share: Path) -> dict[tuple[str, str], Model]:
    """Read the models of all catalogs under `share`, by catalog and name of the OBJ file."""
    models = {}
    for catalog in LICENSES:
        if not _archive(share, catalog).exists():
            raise SystemExit(
                f"{_archive(share, catalog)} is missing. Install the Debian package sweethome3d-furniture."
            )
        with zipfile.ZipFile(_archive(share, catalog)) as archive:
            text = archive.read("PluginFurnitureCatalog.properties").decode("latin-1")
        entries: dict[str, dict[str, str]] = {}
        for key, number, value in re.findall(r"^(\w+)#(\d+)=(.*?)\s*$", text, re.MULTILINE):
            entries.setdefault(number, {})[key] = value
        for entry in entries.values():
            rotation = tuple(map(float, entry["modelRotation"].split())) if "modelRotation" in entry else None
            file = entry["model"].lstrip("/")
            model = Model(catalog, file, entry["name"], entry["creator"], rotation)
            models[catalog, posixpath.basename(file)] = model
    return models


def read_instances(share: Path, table: Path | None = None) -> list[Instance]:
    """Read the models of a table, `models.csv` by default, with their classes and look-alike groups."""
    models = read_catalogs(share)
    with (table or Path(__file__).with_name("models.csv")).open(newline="") as rows:
        return [
            Instance(row["instance"], row["class"], row["lookalike"], models[row["catalog"], row["file"]])
            for row in csv.DictReader(rows)
        ]


def load_mesh(share: Path, model: Model) -> Mesh:
    """Read the triangles of a model, centered on the origin and scaled into the unit sphere."""
    with zipfile.ZipFile(_archive(share, model.catalog)) as archive:
        vertices, materials, library = _read_obj(archive.read(model.file).decode("latin-1"))
        folder = posixpath.dirname(model.file)
        known = _read_materials(archive, folder, library)
        parts = []
        first = 0
        for name, count in materials:
            material = known.get(name, Material())
            texture = _read_texture(archive, folder, material.texture)
            parts.append(Part(first, count, material.color, material.opacity, texture))
            first += count
    if model.rotation is not None:
        turn = np.array(model.rotation, np.float32).reshape(3, 3)
        vertices[:, :3] = vertices[:, :3] @ turn.T
        vertices[:, 3:6] = vertices[:, 3:6] @ turn.T
    low, high = vertices[:, :3].min(axis=0), vertices[:, :3].max(axis=0)
    vertices[:, :3] -= (low + high) / 2
    vertices[:, :3] /= np.linalg.norm(vertices[:, :3], axis=1).max()
    positions = vertices[:, :3].astype(np.float64)
    hull = vertices[ConvexHull(positions).vertices, :3]
    return Mesh(vertices, hull, parts)


def _archive(share: Path, catalog: str) -> Path:
    return share / "sweethome3d" / "furniture" / f"{catalog}.sh3f"


def _read_obj(text: str) -> tuple[NDArray[np.float32], list[tuple[str, int]], str | None]:
    """Return vertices [n, 8] grouped by material, (material, number of vertices) of each group, the material file."""
    tables: dict[str, list[list[float]]] = {"v": [], "vt": [], "vn": []}
    corners: dict[str, list[tuple[int, int, int]]] = {}
    material, library = "", None
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] in tables:
            tables[words[0]].append([float(word) for word in words[1:4]])
        elif words[0] == "f":
            face = [_corner(word, tables) for word in words[1:]]
            triangles = corners.setdefault(material, [])
            for second, third in pairwise(face[1:]):
                triangles += (face[0], second, third)
        elif words[0] == "usemtl":
            material = words[1]
        elif words[0] == "mtllib":
            library = " ".join(words[1:])
    index = np.array([corner for triangles in corners.values() for corner in triangles], np.int64)
    counts = [(name, len(triangles)) for name, triangles in corners.items()]
    return _expand(tables, index), counts, library


def _corner(word: str, tables: dict[str, list[list[float]]]) -> tuple[int, int, int]:
    """Return a corner of a face as indices into the three tables; -1 where the file has no index."""
    given = [int(number) if number else 0 for number in word.split("/")]
    position, texture, normal = [*given, 0, 0][:3]
    return tuple(  # type: ignore[return-value]
        number - 1 if number >= 0 else number + len(tables[table])
        for number, table in ((position, "v"), (texture, "vt"), (normal, "vn"))
    )


def _expand(tables: dict[str, list[list[float]]], index: NDArray[np.int64]) -> NDArray[np.float32]:
    positions = np.array(tables["v"], np.float32)[index[:, 0]]
    corners = positions.reshape(-1, 3, 3)
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    normals = np.repeat(flat, 3, axis=0)
    if tables["vn"]:
        given = index[:, 2] >= 0
        normals[given] = np.array(tables["vn"], np.float32)[index[given, 2]]
    coordinates = np.zeros((len(index), 2), np.float32)
    if tables["vt"]:
        given = index[:, 1] >= 0
        coordinates[given] = np.array([coordinate[:2] for coordinate in tables["vt"]], np.float32)[index[given, 1]]
    return np.concatenate([positions, normals, coordinates], axis=1).astype(np.float32)


def _read_materials(archive: zipfile.ZipFile, folder: str, library: str | None) -> dict[str, Material]:
    path = posixpath.join(folder, library or "")
    if path not in archive.namelist():
        return {}
    materials: dict[str, Material] = {}
    current = Material()
    for line in archive.read(path).decode("latin-1").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "newmtl":
            current = materials.setdefault(words[1], Material())
        elif words[0] == "Kd":
            red, green, blue = map(float, words[1:4])
            current.color = red, green, blue
        elif words[0] == "d":
            current.opacity = float(words[-1])
        elif words[0] == "map_Kd":
            current.texture = line.strip().split(maxsplit=1)[1]
    return materials


def _read_texture(archive: zipfile.ZipFile, folder: str, name: str | None) -> NDArray[np.uint8] | None:
    path = posixpath.normpath(posixpath.join(folder, name or "")).replace("\\", "/")
    if name is None or path not in archive.namelist():
        return None
    image = cv2.imdecode(np.frombuffer(archive.read(path), np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        return None
    image = cv2.resize(image, (TEXTURE_SIDE, TEXTURE_SIDE), interpolation=cv2.INTER_AREA)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    code = cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGBA
    return np.asarray(cv2.cvtColor(image, code), np.uint8)
