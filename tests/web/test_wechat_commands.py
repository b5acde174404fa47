"""What an operator types about the WeChat account (issue 3 points 2 and 13)."""

from tests.world import World


def test_the_doctor_says_what_to_mend_and_fails(world: World) -> None:
    """Settings of development are no real account's: the address and the version are named, the rest is in order."""
    done = world.app.test_cli_runner().invoke(args=["wechat", "doctor"])
    assert done.exit_code == 1
    lines = done.output.splitlines()
    bad = [line.partition("：")[0] for line in lines if line.startswith("✗")]
    assert bad == ["✗ 公网地址", "✗ 消息打开的版本"]
    assert lines[1].startswith("  → 把 TEPAI_PUBLIC_URL 设为")
    assert "✓ 订阅消息模板 task_waiting（待办事项提醒）：待办事项提醒" in lines
    assert "2 项需要处理" in lines[-1]


def test_counters_are_cleared_only_when_an_operator_says_yes(world: World) -> None:
    """Ten times a month; nothing else in the product calls it."""
    run = world.app.test_cli_runner()
    before = world.sandbox.get("/sandbox/log")[-1]["seq"]
    assert run.invoke(args=["wechat", "clear-quota"], input="n\n").exit_code == 1
    assert world.sandbox.get(f"/sandbox/log?since={before}") == []
    done = run.invoke(args=["wechat", "clear-quota", "--yes"])
    assert (done.exit_code, done.output) == (0, "✓ 额度清零：已清零，每月十次\n")
    world.sandbox.post("/sandbox/faults", {"call": "clear_quota/v2", "kind": "errcode:48006"})
    refused = run.invoke(args=["wechat", "clear-quota", "--yes"])
    assert refused.exit_code == 1
    assert "→ 本月清零次数已用完" in refused.output
