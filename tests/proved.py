"""Every plan that any test makes passes the verifier: importing this puts the check behind every `solve` there is.

Pairs set by hand, plans of the service, what-ifs of a price: all of them go through here (issue 5, point 3).
"""

import sys
from functools import wraps
from typing import Any

from rules.matching import solve as kernel
from rules.matching.instance import Instance
from rules.matching.plan import Plan
from rules.matching.verify import verify

unproved = getattr(kernel.solve, "__wrapped__", kernel.solve)


@wraps(unproved)
def solve(instance: Instance, *how: Any, **more: Any) -> Plan:
    """Solve, and have the plan proved as an outsider would: from the two files alone."""
    plan = unproved(instance, *how, **more)
    objections = verify(Instance.from_json(instance.to_json()), Plan.from_json(plan.to_json()))
    assert not objections, objections
    return plan


def everywhere() -> None:
    """Put the proving `solve` in place of the plain one in every module of the house that is loaded."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in {"rules", "service", "web", "tests"} and name != __name__:
            for known in [word for word, value in vars(module).items() if value is unproved]:
                setattr(module, known, solve)


everywhere()
