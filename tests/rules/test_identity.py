"""How an invitation is judged (quality.md bar 21)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rules.identity import judge_invitation

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
GOOD: dict[str, Any] = {"expires_at": NOW + timedelta(seconds=1), "used": False, "tries_left": 1, "phone_matches": None}


@pytest.mark.parametrize("phone_matches", [None, True])
def test_an_invitation_binds_to_its_last_second_and_its_last_try(phone_matches: bool | None) -> None:  # noqa: FBT001
    assert judge_invitation(**GOOD | {"phone_matches": phone_matches}, now=NOW) is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"expires_at": NOW}, "邀请码已过期"),
        ({"used": True, "expires_at": NOW}, "邀请码已被使用"),
        ({"tries_left": 0}, "邀请码因多次尝试失败已作废"),
        ({"phone_matches": False}, "微信手机号与登记的手机号不一致"),
    ],
)
def test_whatever_is_wrong_is_said(wrong: dict[str, Any], told: str) -> None:
    assert judge_invitation(**GOOD | wrong, now=NOW) == told
