"""Reasons in Chinese, once for the claimant and once for township and county (R-CLAIM-2: plain words)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rules.matching.plan import CHOSEN, COMPLETING, COVERING, FOR_COUNTY, KEPT, PINNED, Violator
from rules.matching.reasons import (
    CONTENT,
    DECLINED,
    ENGAGED,
    FORBIDDEN,
    HELD,
    INELIGIBLE,
    OUTRANKED,
    UNCLAIMED,
    WITHDRAWN,
    Reason,
)

_CONSENT = "这是建议，双方都同意才列入名单。"


@dataclass(frozen=True)
class Names:
    """What people call the people, needs, townships and counties of an instance, by index."""

    people: Sequence[str]
    needs: Sequence[str]
    townships: Sequence[str]
    township_of: Sequence[int]
    counties: Sequence[str] = ()

    def need(self, index: int) -> str:
        """Give a need with its township."""
        return f"{self.townships[self.township_of[index]]}「{self.needs[index]}」"


def tell(reason: Reason, names: Names, *, claimant: bool = True) -> str:
    """Say a reason in Chinese, to the claimant (您), or to the township and county (by name)."""
    who = "您" if claimant else names.people[reason.person]
    return _SENTENCES[reason.code](who, names.need(reason.need), reason.facts, names)


def tell_violator(violator: Violator, names: Names) -> str:
    """Say why townships cannot all be covered, as a sum that a reader can add up (R-MATCH-3)."""
    towns = "、".join(
        [names.counties[county] for county in violator.counties]
        + [names.townships[township] for township in violator.townships]
    )
    full = "".join(f"，其中{names.need(need)}名额不足" for need in violator.full)
    if not violator.people:
        able = "没有符合条件的人选" if not violator.full else "名额用尽"
    else:
        people = "、".join(names.people[person] for person in violator.people)
        able = f"符合条件的只有{people}（共 {len(violator.people)} 人）"
    return (
        f"{towns}{full}：至少应安排 {violator.floor} 人次，{able}，最多能到位 {violator.capacity} 人次，"
        f"还差 {violator.floor - violator.capacity} 人次。无论怎样安排，都补不上这个缺口。"
    )


def retell_violator(text: str, name: str, word: str) -> str:
    """Put a word in the place of a name among the people of `tell_violator`; part of a longer name is another name."""
    return re.sub(rf"(只有|、|负责人){re.escape(name)}(?=、|（共|）)", lambda found: found[1] + word, text)


def _chosen(who: str, need: str, facts: Mapping[str, Any], _: Names) -> str:
    graded = f"镇方评为第 {facts['grade']} 等" if facts["ranked"] else "镇方未作排序，与其他未排序者同等"
    lot = f"同等的人选按公开抽签号从小到大确定，{who}的号是 {facts['number']}。" if facts["by_lot"] else ""
    return (
        f"双选成功：{need}是{who}的第 {facts['preference']} 志愿，{graded}；"
        f"该需求双选 {facts['claimants']} 人，名额 {facts['places']} 个。{lot}"
    )


def _covering(who: str, need: str, facts: Mapping[str, Any], names: Names) -> str:
    town = names.townships[facts["township"]]
    came = f"双选到位 {facts['chosen']} 人，至少应有 {facts['floor']} 人" if facts["chosen"] else "没有双选到位的人选"
    able = f"全批次符合条件的有 {facts['able']} 人"
    price = _price(who, f"{town}若失去{who}就会出现空缺", facts, names)
    return f"保障覆盖：{town}{came}，{able}，为不使该镇空缺，安排{who}对接{need}。{price}"


def _for_county(who: str, need: str, facts: Mapping[str, Any], names: Names) -> str:
    county = names.counties[facts["county"]]
    came = f"各镇合计至少应有 {facts['floor']} 人，双选到位 {facts['chosen']} 人，符合条件的有 {facts['able']} 人"
    price = _price(who, f"{county}若失去{who}就达不到保障人数", facts, names)
    return f"保障县级：{county}{came}，为达到全县保障人数，安排{who}对接{need}。{price}"


def _price(who: str, otherwise: str, facts: Mapping[str, Any], names: Names) -> str:
    """Say what it cost, whether the claimant asked for it, and whether it stood before."""
    choice = f"这也是{who}的第 {facts['preference']} 志愿。" if facts["mutual"] else _CONSENT
    kept = "与上一版方案一致。" if facts["kept"] else ""
    lost = "、".join(names.need(other) for other in facts["lost"])
    price = f"{who}与{lost}虽有双选，但{otherwise}，因此让位于保障覆盖。" if lost else ""
    return f"{price}{choice}{kept}"


def _completing(who: str, need: str, facts: Mapping[str, Any], _: Names) -> str:
    return f"统筹补位：双选和保障覆盖之后{need}仍有名额，按综合得分（{facts['score']:,} 分）安排{who}补位。{_CONSENT}"


def _kept(who: str, need: str, _facts: Mapping[str, Any], _: Names) -> str:
    return (
        f"沿用：上一版方案已安排{who}对接{need}，不影响双选和保障覆盖，为减少变动予以保留。尚未同意的，仍须双方同意。"
    )


def _pinned(who: str, need: str, facts: Mapping[str, Any], _: Names) -> str:
    why = f"理由：{facts['why'].rstrip('。')}。" if facts["why"] else "理由见指定记录。"
    return f"人工指定：经办人员指定{who}对接{need}。{why}{'' if facts['mutual'] else _CONSENT}"


def _withdrawn(who: str, need: str, _facts: Mapping[str, Any], _: Names) -> str:
    return f"{who}已撤回对{need}的揭榜。"


def _ineligible(who: str, need: str, facts: Mapping[str, Any], _: Names) -> str:
    why = "；".join(sentence.rstrip("。") for sentence in facts["why"])
    return f"{who}不符合{need}的条件{'：' + why if why else ''}。"


def _declined(who: str, need: str, facts: Mapping[str, Any], _: Names) -> str:
    return f"{need}的发榜乡镇没有选择{who}{'，说明：' + facts['why'].rstrip('。') if facts['why'] else ''}。"


def _forbidden(who: str, need: str, facts: Mapping[str, Any], _: Names) -> str:
    why = facts["why"].rstrip("。") if facts["why"] else "见禁止记录"
    return f"经办人员已排除{who}对接{need}，理由：{why}。"


def _outranked(who: str, need: str, facts: Mapping[str, Any], _: Names) -> str:
    if not facts["places"]:
        return f"{need}本批次没有名额。"
    if not facts["better"]:
        return f"{need}的 {facts['places']} 个名额已由人工指定占用。"
    pinned = f"（另 {facts['pinned']} 个由人工指定）" if facts["pinned"] else ""
    seats = f"{need}的 {facts['better']} 个名额{pinned}给了镇方排序在前的人选"
    if facts["by_lot"]:
        return (
            f"{seats}：{who}与最后一名入选者同为第 {facts['grade']} 等，按公开抽签号从小到大确定，"
            f"入选者的号是 {facts['last_number']}，{who}的号是 {facts['number']}。"
        )
    own = f"{who}为第 {facts['grade']} 等" if facts["ranked"] else f"{who}未被镇方排序，排在已排序者之后"
    return f"{seats}：最后一名入选者为第 {facts['last_grade']} 等，{own}。"


def _content(who: str, need: str, facts: Mapping[str, Any], names: Names) -> str:
    instead = "、".join(names.need(other) for other in facts["instead"])
    return f"{who}获得了志愿排序更靠前的{instead}，因此没有再安排{need}（第 {facts['preference']} 志愿）。"


def _held(who: str, need: str, facts: Mapping[str, Any], names: Names) -> str:
    town, instead = names.townships[facts["township"]], names.need(facts["instead"])
    short = f"{town}若失去{who}就会出现空缺"
    if "county" in facts:
        short = f"{names.counties[facts['county']]}若失去{who}就达不到保障人数"
    return f"{who}与{need}双方都有意，但{short}，没有别的安排能补上，因此建议{who}对接{instead}。"


def _engaged(who: str, need: str, facts: Mapping[str, Any], names: Names) -> str:
    instead = "、".join(names.need(other) for other in facts["instead"])
    if not instead:
        return f"{who}本批次没有可承担的名额，因此没有安排{need}。"
    return f"{who}可承担的名额已由人工指定用于{instead}，因此没有安排{need}。"


def _unclaimed(who: str, need: str, facts: Mapping[str, Any], _: Names) -> str:
    return (
        f"{who}没有揭榜{need}。该需求名额 {facts['places']} 个，方案安排 {facts['came']} 人；"
        f"{who}可承担 {facts['capacity']} 项，方案安排 {facts['load']} 项；条件符合，综合得分 {facts['score']:,} 分。"
    )


_SENTENCES: dict[str, Callable[[str, str, Mapping[str, Any], Names], str]] = {
    CHOSEN: _chosen,
    COVERING: _covering,
    FOR_COUNTY: _for_county,
    COMPLETING: _completing,
    KEPT: _kept,
    PINNED: _pinned,
    WITHDRAWN: _withdrawn,
    INELIGIBLE: _ineligible,
    DECLINED: _declined,
    FORBIDDEN: _forbidden,
    OUTRANKED: _outranked,
    CONTENT: _content,
    HELD: _held,
    ENGAGED: _engaged,
    UNCLAIMED: _unclaimed,
}
