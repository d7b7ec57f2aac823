"""What several of the unit tests need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def settled_torch() -> Iterator[None]:
    """What a training sets for its whole process is undone."""
    import torch  # takes seconds, and most tests do without

    threads = torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)
