"""How long the trainer waits for data, on a live service and the machine's own cores."""

from __future__ import annotations

from tests.conftest import Graph


def test_share_of_time_waiting_for_data(world: Graph, service: str) -> None:
    print()
    for size in (64, 96):
        result = world.json(
            "train", "--url", service, "--run", f"bench-{size}", "--trunk", "resnet18", "--image-size", str(size),
            "--batch", "32", "--steps", "40", "--mix", "transitive:1",
        )  # fmt: skip
        print(
            f"Training, ResNet-18, {size} pixels, 32 pairs: {result['images_per_second']:.0f} images/s, "
            f"{result['waited_share']:.1%} of the time waiting for data"
        )
