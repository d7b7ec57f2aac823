"""Draw a model without a GPU or a display: moderngl over EGL, one directional light, two by two samples a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import moderngl
import numpy as np
from models import Mesh
from numpy.typing import NDArray

VERTEX = """
#version 330
in vec3 position; in vec3 normal; in vec2 place;
uniform mat4 project; uniform mat3 spin;
out vec3 facing; out vec2 where;
void main() {
    gl_Position = project * vec4(spin * position, 1.0);
    facing = spin * normal; where = place;
}
"""
FRAGMENT = """
#version 330
in vec3 facing; in vec2 where;
uniform sampler2D picture; uniform bool textured; uniform vec4 material;
uniform mat3 hue; uniform vec3 light; uniform vec3 eye; uniform float ambient;
out vec4 pixel;
void main() {
    vec4 color = material;
    if (textured) {
        color = texture(picture, where) * vec4(1.0, 1.0, 1.0, material.a);
        if (color.a < 0.3) discard;
    }
    vec3 normal = normalize(facing);
    if (dot(normal, eye) < 0.0) normal = -normal;  // many models are sheets seen from both sides
    float shade = ambient + (1.1 - ambient) * max(dot(normal, light), 0.0);
    // keep black parts visible in front of a dark background
    pixel = vec4(clamp(hue * (color.rgb + 0.07) * shade, 0.0, 1.0) * color.a, color.a);
}
"""
FIELD = np.deg2rad(28.0)
DISTANCE = 1.0 / np.sin(FIELD / 2)  # at this distance the unit sphere just fits into the field of view
SAMPLES = 2
MIN_OPACITY = 0.35  # minimum opacity: invisible glass could not be tracked


@dataclass(frozen=True)
class Look:
    """The light and tint of an object. `light` is the direction to the light in camera axes (x right, y up)."""

    light: tuple[float, float, float]
    ambient: float
    hue: float  # radians
    tint: tuple[float, float, float]  # factors of red, green, blue


def rotation(azimuth: float, elevation: float) -> NDArray[np.float32]:
    """Return the rotation from object to camera axes: `azimuth` about the vertical, then `elevation` (radians)."""
    c, s = np.cos(azimuth), np.sin(azimuth)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    c, s = np.cos(elevation), np.sin(elevation)
    return np.asarray(np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ turn, np.float32)


def extent(mesh: Mesh, spin: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the extent of the mesh in a picture of side 1: left, bottom, right, top, relative to the center."""
    points = mesh.hull.astype(np.float64) @ spin.T
    flat = points[:, :2] / (DISTANCE - points[:, 2:]) / (2 * np.tan(FIELD / 2))
    return np.concatenate([flat.min(axis=0), flat.max(axis=0)])


class Renderer:
    """Draws into a square of `side` pixels. Use only one renderer at a time, in one thread."""

    def __init__(self, side: int) -> None:
        self.side = side
        display: Any = {"backend": "egl"}
        self._context = moderngl.create_context(standalone=True, **display)
        size = (side * SAMPLES, side * SAMPLES)
        self._target = self._context.simple_framebuffer(size, components=4)
        self._program = self._context.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        self._mesh: Mesh | None = None
        self._resources: list[moderngl.Buffer | moderngl.VertexArray | moderngl.Texture] = []

    def load(self, mesh: Mesh) -> None:
        """Load the mesh that `draw` draws."""
        for resource in self._resources:
            resource.release()
        buffer = self._context.buffer(mesh.vertices.tobytes())
        layout = [(buffer, "3f 3f 2f", "position", "normal", "place")]
        self._array = self._context.vertex_array(self._program, layout)
        self._textures = [self._texture(part.texture) if part.texture is not None else None for part in mesh.parts]
        self._resources = [self._array, buffer, *(texture for texture in self._textures if texture is not None)]
        self._mesh = mesh

    def draw(
        self, spin: NDArray[np.float32], look: Look, *, zoom: float = 1.0, shift: tuple[float, float] = (0.0, 0.0)
    ) -> NDArray[np.float32]:
        """Draw the mesh as float32 [side, side, 4]: red, green, blue, each times alpha, and alpha, from 0 to 1.

        `zoom` 1 shows the whole unit sphere; `shift` moves the picture, in pixels, right and down.
        """
        assert self._mesh is not None
        self._target.use()
        self._target.clear()
        light = np.array(look.light, np.float32)
        self._set("project", self._projection(zoom, shift).T)
        self._set("spin", spin.T)
        self._set("hue", _hue(look).T)
        self._set("light", light / np.linalg.norm(light))
        self._set("eye", np.array([0, 0, 1]))
        self._set("ambient", np.array(look.ambient))
        self._draw_parts()
        size = self.side * SAMPLES
        raw = np.frombuffer(self._target.read(components=4), np.uint8).reshape(size, size, 4)[::-1]
        small = cv2.resize(raw.astype(np.float32), (self.side, self.side), interpolation=cv2.INTER_AREA)
        return np.asarray(small / 255.0, np.float32)

    def _draw_parts(self) -> None:
        assert self._mesh is not None
        self._context.enable(moderngl.DEPTH_TEST)
        self._context.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        for glass in (False, True):
            self._target.depth_mask = not glass
            self._context.enable(moderngl.BLEND) if glass else self._context.disable(moderngl.BLEND)
            for part, texture in zip(self._mesh.parts, self._textures, strict=True):
                if (part.opacity < 0.95) != glass:
                    continue
                if texture is not None:
                    texture.use()
                self._set("textured", np.array(texture is not None), np.int32)
                self._set("material", np.array([*part.color, max(part.opacity, MIN_OPACITY)]))
                self._array.render(vertices=part.count, first=part.first)
        self._target.depth_mask = True

    def _set(self, name: str, value: NDArray[Any], kind: type[np.generic] = np.float32) -> None:
        uniform = self._program[name]
        assert isinstance(uniform, moderngl.Uniform)
        uniform.write(np.ascontiguousarray(value, kind).tobytes())

    def _texture(self, image: NDArray[np.uint8]) -> moderngl.Texture:
        texture = self._context.texture(image.shape[1::-1], 4, np.ascontiguousarray(image[::-1]).tobytes())
        texture.build_mipmaps()
        texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        return texture

    def _projection(self, zoom: float, shift: tuple[float, float]) -> NDArray[np.float32]:
        near, far = DISTANCE - 1.05, DISTANCE + 1.05
        scale = zoom / np.tan(FIELD / 2)
        right, down = (2 * moved / self.side for moved in shift)
        depth = (near + far) / (near - far), 2 * near * far / (near - far)
        camera = np.eye(4)
        camera[2, 3] = -DISTANCE
        lens = np.array([[scale, 0, -right, 0], [0, scale, down, 0], [0, 0, depth[0], depth[1]], [0, 0, -1, 0]])
        return np.asarray(lens @ camera, np.float32)


def _hue(look: Look) -> NDArray[np.float32]:
    """Return the color matrix: a rotation about the gray axis, then the tint."""
    c, s = np.cos(look.hue), np.sin(look.hue) / np.sqrt(3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    turn = np.eye(3) * c + (1 - c) / 3 + s * cross
    return np.asarray(np.diag(look.tint) @ turn, np.float32)
