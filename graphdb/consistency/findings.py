"""The findings of a check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

RESTORE = (
    "Restore graph and data folder from backups that belong together; without any, "
    "`affinity graph reset` (if the server is the local one) and ingest the videos again."
)
REMOVES = "--repair removes it."
MAX_EXAMPLES = 3
"""Examples that a finding holds."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is violated: how often, some examples, and what to do, unless it was repaired."""

    area: str
    rule: str
    count: int
    examples: Sequence[str]
    remedy: str = RESTORE
    repaired: bool = False


@dataclass
class Findings:
    """All findings of a check. `checked` is the number of checked things by area; `notes` are shown to the user."""

    checked: dict[str, int] = field(default_factory=dict)
    found: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether no problem remains."""
        return all(finding.repaired for finding in self.found)

    @property
    def damaged(self) -> bool:
        """Whether something is wrong that no interruption explains."""
        return any(finding.remedy == RESTORE for finding in self.found)

    def count(self, area: str, things: int) -> None:
        """Add to the number of checked things of an area."""
        self.checked[area] = self.checked.get(area, 0) + things

    def add(self, area: str, rule: str, examples: Sequence[str], remedy: str = RESTORE, repaired: bool = False) -> None:
        """Add a finding with all violations of a rule as examples; nothing if there are none."""
        if examples:
            self.found.append(Finding(area, rule, len(examples), examples[:MAX_EXAMPLES], remedy, repaired))

    def mark_unreliable(self, note: str, remedy: str) -> None:
        """Note why no finding is certain, and give all findings the same remedy."""
        self.notes.append(note)
        self.found = [replace(finding, remedy=remedy) for finding in self.found]

    def as_json(self) -> dict[str, Any]:
        found = [asdict(finding) for finding in self.found]
        return {"sound": self.sound, "checked": self.checked, "found": found, "notes": self.notes}
