"""What the configured plan of a channel would do, as plain values: for people and programs."""

from dataclasses import asdict, dataclass
from typing import Any

from state.plan_figures import LargestChange
from state.plans import PlanComparison
from state.records import ImportState
from syncd.plan_records import PlanVerdict

IN_FORCE, APPLIES, HELD, REFUSED = "in_force", "applies", "held", "refused"
_STATES = {
    ImportState.UNCHANGED: IN_FORCE,
    ImportState.APPLIED: APPLIES,
    ImportState.HELD: HELD,
    ImportState.REJECTED: REFUSED,
}


@dataclass(frozen=True, slots=True)
class PlanOutlook:
    """What would become of a configured plan. `state` is one of those above; `reason`: why not applied.

    `problems` are the first of `problem_count`. `found` None = it was not compared, or says nothing new.
    """

    state: str
    reason: str
    problems: tuple[str, ...]
    problem_count: int
    found: PlanComparison | None
    largest: tuple[LargestChange, ...]

    @classmethod
    def of(cls, verdict: PlanVerdict | None) -> "PlanOutlook":
        """Read a planner's verdict; None = it has not looked yet."""
        if verdict is None:
            return cls(IN_FORCE, "", (), 0, None, ())
        return cls(
            _STATES.get(verdict.state, IN_FORCE),
            verdict.reason,
            verdict.problems,
            verdict.problem_count,
            verdict.comparison,
            verdict.largest,
        )

    @property
    def is_followed(self) -> bool:
        """Whether it is in force, or would be at once."""
        return self.state in {IN_FORCE, APPLIES}

    @property
    def says_something(self) -> bool:
        """Whether it would change a listing."""
        return self.found is not None and self.found.says_something

    def as_json(self) -> dict[str, Any]:
        """Give it in the form that commands print."""
        return {
            "state": self.state,
            "reason": self.reason,
            "problems": list(self.problems),
            "problem_count": self.problem_count,
            "changes": None if self.found is None else asdict(self.found),
            "largest_changes": [
                {"sku": one.sku, "warehouse": one.warehouse, "before": one.before, "after": one.after}
                for one in self.largest
            ],
        }
