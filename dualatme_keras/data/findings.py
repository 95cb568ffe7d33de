"""What an audit found, and how it reads."""

import dataclasses

from dualatme_keras.errors import DualATMEError
from dualatme_keras.text import count

_SHOWN_PER_KIND = 10


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing.

    Attributes:
        kind: heading under which it is shown, e.g. `leak`.
        message: one sentence with the offending values.
        where: `FILE:LINE` or a directory.
    """

    kind: str
    message: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclasses.dataclass
class AuditReport:
    """Findings of an audit.

    Attributes:
        summary: what was audited.
        errors: training must refuse these lists.
        warnings: training may go on, but the reader of its figures must know.
    """

    summary: str = ""
    errors: list[Finding] = dataclasses.field(default_factory=list)
    warnings: list[Finding] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"{self.summary}: {count(len(self.errors), 'error')}, {count(len(self.warnings), 'warning')}."
        ]
        for title, findings in (("Error", self.errors), ("Warning", self.warnings)):
            for kind in dict.fromkeys(finding.kind for finding in findings):
                group = [finding for finding in findings if finding.kind == kind]
                lines.append(f"{title}, {kind} ({len(group)}):")
                lines += [f"  {finding}" for finding in group[:_SHOWN_PER_KIND]]
                if len(group) > _SHOWN_PER_KIND:
                    lines.append(f"  … and {len(group) - _SHOWN_PER_KIND} more")
        return "\n".join(lines)

    def raise_if_failed(self, strict: bool = False) -> None:
        """Raises DualATMEError with the report where there are errors, or, if `strict`, warnings."""
        if self.errors or (strict and self.warnings):
            wanted = "without errors or warnings" if strict else "without errors"
            raise DualATMEError(f"Expected lists {wanted}. Received: {self}")
