"""What a check found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

RESTORE = (
    "Restore graph and data folder from backups that belong together; without any, "
    "`affinity graph reset` (where the server is the local one) and ingest the videos again."
)
REMOVES = "--repair removes it."
NAMED = 3
"""Examples that a finding names."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that does not hold: how often, where for example, and what to do, or that it was mended."""

    area: str
    rule: str
    count: int
    examples: Sequence[str]
    cure: str = RESTORE
    mended: bool = False


@dataclass
class Findings:
    """`checked` counts, by area, the things that were looked at; `notes` are for whoever reads the findings."""

    checked: dict[str, int] = field(default_factory=dict)
    found: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return all(finding.mended for finding in self.found)

    @property
    def damaged(self) -> bool:
        """Whether the graph lost or gained something that no interruption explains."""
        return any(finding.cure == RESTORE for finding in self.found)

    def count(self, area: str, things: int) -> None:
        self.checked[area] = self.checked.get(area, 0) + things

    def add(self, area: str, rule: str, examples: Sequence[str], cure: str = RESTORE, mended: bool = False) -> None:
        """Note that a rule does not hold of these; of none, nothing."""
        if examples:
            self.found.append(Finding(area, rule, len(examples), examples[:NAMED], cure, mended))

    def mark_unreliable(self, note: str, cure: str) -> None:
        """Nothing that was found is certain: say why, and the same of what to do about each."""
        self.notes.append(note)
        self.found = [replace(finding, cure=cure) for finding in self.found]

    def as_json(self) -> dict[str, Any]:
        found = [asdict(finding) for finding in self.found]
        return {"sound": self.sound, "checked": self.checked, "found": found, "notes": self.notes}
