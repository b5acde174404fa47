"""Commands about the WeChat account: check its settings, clear its counters."""

import click

from service.core.ports import Finding
from web.host import Refusing, house


@click.group(cls=Refusing)
def wechat() -> None:
    """The WeChat account behind this system."""


@wechat.command("doctor")
def doctor() -> None:
    """Check the account's settings one by one and say what to do; fails if something is wrong. Changes nothing."""
    bad = 0
    for finding in house().ports.wechat.findings():
        _tell(finding)
        bad += not finding.good
    if bad:
        raise click.ClickException(f"{bad} 项需要处理")
    click.echo("全部正常")


@wechat.command("clear-quota")
@click.confirmation_option(prompt="清零今日调用次数，每月只有十次。继续？")
def clear_quota() -> None:
    """Set WeChat's daily counters to zero, which is allowed ten times a month."""
    finding = house().ports.wechat.clear_quota()
    _tell(finding)
    if not finding.good:
        raise click.exceptions.Exit(1)


def _tell(finding: Finding) -> None:
    click.echo(f"{'✓' if finding.good else '✗'} {finding.what}：{finding.says}")
    if finding.todo:
        click.echo(f"  → {finding.todo}")


COMMANDS: tuple[click.Command, ...] = (wechat,)
