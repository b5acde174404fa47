"""What rounds and their supplements tell everybody in their city: dates, freeze, seed, claims taken once more."""

from service.notifications.audiences import throughout
from service.notifications.notice import Copy, Notice

_SEASON = throughout("township", "county", "county_lead", "commissioner")

ROUNDS: tuple[Notice, ...] = (
    Notice(
        "round.open",
        throughout("township", "county", "county_lead"),
        "批次已开启",
        "{title}已开启，请组织填报需求。{dates}。",
    ),
    Notice(
        "round.publish",
        _SEASON,
        "榜单已发布",
        "{title}榜单已发布，科技特派员可以揭榜。{dates}。",
        copy=Copy("deadline_near", {"task": "title", "until": "until"}),
    ),
    Notice("round.edit", _SEASON, "批次时间有调整", "{title}时间调整为：{dates}。理由：{reason}"),
    Notice("round.cancel", _SEASON, "批次已取消", "{title}已取消。理由：{reason}"),
    Notice(
        "round.freeze",
        throughout("county", "county_lead"),
        "批次已冻结",
        "{title}的需求、揭榜和排序已冻结，可以生成选派方案。",
    ),
    Notice(
        "round.seed",
        throughout("county", "county_lead"),
        "公开抽签数已录入",
        "{title}的公开抽签数已录入，可以生成选派方案。",
    ),
    Notice(
        "supplement.create",
        _SEASON,
        "批次补报已开始",
        "{title}第 {number} 次补报已开始，尚有名额的需求可以揭榜。{dates}。理由：{why}",
    ),
    Notice(
        "supplement.close",
        throughout("county", "county_lead"),
        "批次补报已结束",
        "{title}第 {number} 次补报已结束，可以重新计算选派方案。",
    ),
)
