"""Every state machine of the product, on one page. `docs/states.md` is drawn from here."""

from rules.machine import SYSTEM, Machine, move

_REGISTRARS = {"admin", "city", "county", "county_lead"}

GRANT = Machine(
    "role",
    "角色授权",
    "proposed",
    (
        move("approve", {"proposed"}, "active", by={"admin", "city", "county_lead"}, not_by={"create"}),
        move("reject", {"proposed"}, "rejected", by={"admin", "city", "county_lead"}, reason=True),
        move("end", {"proposed", "active"}, "ended", by={"admin", "city", "county_lead"}, reason=True),
    ),
)

BINDING = Machine(
    "binding",
    "微信绑定",
    "claimed",
    (
        move("approve", {"claimed"}, "bound", by=_REGISTRARS, not_by={"create", "invite"}),
        move("reject", {"claimed"}, "rejected", by=_REGISTRARS, reason=True),
        move("suspend", {"bound"}, "suspended", by=_REGISTRARS, reason=True),
        move("resume", {"suspended"}, "bound", by=_REGISTRARS, not_by={"create", "suspend"}),
        move("retire", {"bound", "suspended"}, "retired", by=_REGISTRARS, reason=True),
    ),
)

TEAM = Machine(
    "team",
    "团队",
    "forming",
    (
        move("confirm", {"forming"}, "confirmed", by={SYSTEM}),
        move("dissolve", {"forming", "confirmed"}, "dissolved", by={"commissioner"}, reason=True),
    ),
)

ROUND = Machine(
    "round",
    "发榜批次",
    "draft",
    (
        move("open", {"draft"}, "open", by={"city"}),
        move("publish", {"open"}, "published", by={"city"}),
        move("freeze", {"published"}, "frozen", by={"city"}),
        move("close", {"open", "published", "frozen"}, "closed", by={"city"}),
        move("cancel", {"draft", "open", "published"}, "cancelled", by={"city"}, reason=True),
    ),
)

SUPPLEMENT = Machine("supplement", "补报", "open", (move("close", {"open"}, "closed", by={"city"}),))

NEED = Machine(
    "need",
    "需求",
    "draft",
    (
        move("submit", {"draft", "returned"}, "submitted", by={"township"}),
        move("approve", {"submitted"}, "approved", by={"county"}, not_by={"create", "submit"}),
        move("return", {"submitted"}, "returned", by={"county"}, reason=True),
        move("withdraw", {"draft", "submitted", "returned", "approved"}, "withdrawn", by={"township"}),
        move("fill", {"approved"}, "filled", by={SYSTEM}),
        move("close", {"approved", "filled"}, "closed", by={SYSTEM, "county"}, reason=True),
    ),
)

CLAIM = Machine(
    "claim",
    "揭榜",
    "active",
    (
        move("withdraw", {"active"}, "withdrawn", by={"commissioner"}),
        move("win", {"active"}, "won", by={SYSTEM}),
        move("lose", {"active"}, "lost", by={SYSTEM}, reason=True),
    ),
)

PROPOSAL = Machine(
    "proposal",
    "统筹提议",
    "waiting",
    (
        move("accept", {"waiting"}, "accepted", by={"commissioner", "township"}),
        move("decline", {"waiting", "accepted"}, "declined", by={"commissioner", "township"}, reason=True),
    ),
)

PLAN = Machine(
    "plan",
    "选派方案",
    "prepared",
    (
        move("submit", {"prepared"}, "submitted", by={"county"}),
        move("approve", {"submitted"}, "approved", by={"county_lead"}, not_by={"submit"}),
        move("reject", {"submitted"}, "rejected", by={"county_lead"}, reason=True, not_by={"submit"}),
        move("recall", {"approved"}, "rejected", by={"county_lead", "city"}, reason=True),
        move("settle", {"approved"}, "settled", by={"city"}, not_by={"submit"}),
        move("supersede", {"prepared", "submitted"}, "superseded", by={SYSTEM}),
    ),
)

WEIGHTS = Machine(
    "weights",
    "匹配权重",
    "proposed",
    (
        move("approve", {"proposed"}, "approved", by={"city"}, not_by={"create"}),
        move("reject", {"proposed"}, "rejected", by={"city"}, reason=True),
    ),
)

PUBLICITY = Machine("publicity", "公示", "open", (move("close", {"open"}, "closed", by={SYSTEM}),))

OBJECTION = Machine(
    "objection",
    "异议",
    "open",
    (move("answer", {"open"}, "answered", by={"county", "county_lead", "city"}, not_by={"create"}),),
)

PAIRING = Machine(
    "pairing",
    "结对",
    "active",
    (
        move("end", {"active"}, "ended", by={"county", "city", SYSTEM}, reason=True),
        move("terminate", {"active"}, "terminated", by={"county", "city"}, reason=True),
    ),
)

RECORD = Machine(
    "record",
    "服务记录",
    "draft",
    (
        move("submit", {"draft", "returned"}, "submitted", by={"commissioner"}),
        move("confirm", {"submitted", "disputed"}, "confirmed", by={"township"}, not_by={"create"}),
        move("dispute", {"submitted", "confirmed"}, "disputed", by={"township"}, reason=True, not_by={"create"}),
        move("accept", {"submitted", "confirmed", "disputed"}, "accepted", by={"county"}, not_by={"create", "confirm"}),
        move(
            "return", {"submitted", "confirmed", "disputed"}, "returned", by={"county"}, reason=True, not_by={"create"}
        ),
        move(
            "correct",
            {"submitted", "returned", "confirmed", "disputed", "accepted"},
            "submitted",
            by={SYSTEM},
            reason=True,
        ),
    ),
)

FLAG = Machine(
    "flag",
    "提示",
    "open",
    (move("clear", {"open"}, "cleared", by={"county", "county_lead", "city"}, reason=True),),
)

SITE = Machine(
    "site",
    "服务点",
    "active",
    (
        move("retire", {"active"}, "retired", by={"township", "county"}, reason=True),
        move("restore", {"retired"}, "active", by={"township", "county"}),
    ),
)

CONFLICT = Machine(
    "conflict",
    "冲突的记录内容",
    "open",
    (
        move("keep", {"open"}, "kept", by={"commissioner"}),
        move("discard", {"open"}, "discarded", by={"commissioner"}),
    ),
)

ASSESSMENT = Machine(
    "assessment",
    "年度考核",
    "open",
    (
        move("assemble", {"open", "scoring"}, "scoring", by={"county"}),
        move("propose", {"scoring", "proposed"}, "proposed", by={"county"}),
        move("approve", {"proposed"}, "published", by={"county_lead"}, not_by={"propose"}),
        move("reject", {"proposed"}, "scoring", by={"county_lead"}, reason=True, not_by={"propose"}),
        move("recall", {"published"}, "scoring", by={"county_lead"}, reason=True),
        move("confirm", {"published"}, "confirmed", by={"county_lead"}, not_by={"propose"}),
    ),
)

SHEET = Machine(
    "sheet",
    "考核表",
    "open",
    (
        move("hand_in", {"open"}, "handed_in", by={"commissioner"}),
        move("grade", {"open", "handed_in"}, "graded", by={SYSTEM}),
        move("reopen", {"graded"}, "handed_in", by={SYSTEM}),
    ),
)

REVIEW = Machine(
    "review",
    "复核",
    "open",
    (
        move("answer", {"open"}, "answered", by={"county", "county_lead"}, not_by={"create"}),
        move("appeal", {"answered"}, "appealed", by={"commissioner"}),
        move("decide", {"appealed"}, "decided", by={"city"}, not_by={"create", "answer"}),
    ),
)

_DECIDERS = {"county", "county_lead", "city"}
_HELD = {"review", "risky", "unavailable"}

CONTENT = Machine(
    "content",
    "内容安全检测",
    "waiting",
    (
        move("pass", {"waiting"}, "passed", by={SYSTEM}),
        move("doubt", {"waiting"}, "review", by={SYSTEM}, reason=True),
        move("risk", {"waiting"}, "risky", by={SYSTEM}, reason=True),
        move("hold", {"waiting"}, "unavailable", by={SYSTEM}, reason=True),
        move("vouch", {"waiting", "unavailable"}, "released", by={SYSTEM}, reason=True),
        move("release", _HELD, "released", by=_DECIDERS, reason=True, not_by={"create", "recheck"}),
        move("reject", _HELD, "rejected", by=_DECIDERS, reason=True, not_by={"create", "recheck"}),
        move("recheck", {"passed", "released", "rejected", *_HELD, "waiting"}, "waiting", by={SYSTEM}),
    ),
)

MACHINES: dict[str, Machine] = {
    machine.thing: machine
    for machine in (
        GRANT,
        BINDING,
        TEAM,
        ROUND,
        SUPPLEMENT,
        NEED,
        CLAIM,
        PROPOSAL,
        PLAN,
        WEIGHTS,
        PUBLICITY,
        OBJECTION,
        PAIRING,
        RECORD,
        FLAG,
        SITE,
        CONFLICT,
        ASSESSMENT,
        SHEET,
        REVIEW,
        CONTENT,
    )
}

LABELS: dict[str, str] = {
    "draft": "草稿",
    "submitted": "待审核",
    "returned": "已退回",
    "approved": "已通过",
    "withdrawn": "已撤回",
    "filled": "已选定",
    "closed": "已结束",
    "proposed": "待批准",
    "active": "有效",
    "ended": "已终止",
    "rejected": "未通过",
    "claimed": "待核实",
    "bound": "已绑定",
    "suspended": "已停用",
    "retired": "已注销",
    "forming": "组建中",
    "confirmed": "已确认",
    "dissolved": "已解散",
    "open": "进行中",
    "published": "已发布",
    "frozen": "已冻结",
    "cancelled": "已取消",
    "won": "已入选",
    "lost": "未入选",
    "waiting": "待双方同意",
    "accepted": "已采信",
    "declined": "已谢绝",
    "prepared": "已生成",
    "settled": "已生效",
    "superseded": "已被取代",
    "answered": "已答复",
    "terminated": "已解除",
    "disputed": "有异议",
    "scoring": "评分中",
    "handed_in": "已提交",
    "graded": "已定档",
    "kept": "已采用",
    "discarded": "已放弃",
    "appealed": "已申诉",
    "decided": "已答复申诉",
    "passed": "检测通过",
    "review": "待人工复核",
    "risky": "疑似违规",
    "unavailable": "未能检测",
    "released": "人工放行",
    "cleared": "已核销",
}


def label(thing: str, state: str) -> str:
    """Give the Chinese word for a state; the same state reads differently on a few things."""
    return {
        ("proposal", "accepted"): "双方已同意",
        ("assessment", "published"): "公示中",
        ("conflict", "open"): "待处理",
        ("content", "waiting"): "检测中",
        ("content", "rejected"): "不予公开",
        ("flag", "open"): "待核实",
        ("site", "active"): "使用中",
    }.get((thing, state), LABELS[state])
