"""Who hears of what, in which words: one row an event that somebody waits for. The acting person hears nothing."""

from service.notifications import audiences as to
from service.notifications import notice
from service.notifications.audiences import all_of, office, throughout
from service.notifications.catalogue_content import CONTENT
from service.notifications.catalogue_people import PEOPLE
from service.notifications.catalogue_rounds import ROUNDS
from service.notifications.notice import DEADLINE, Copy, Notice
from service.notifications.safety import SAFETY

_BOTH_SIDES = all_of(to.claimant, office("township"))
_COUNTY = all_of(office("county"), office("county_lead"))
_STAFF = all_of(_COUNTY, office("city"))
_PAIRED = all_of(to.serving, office("township"), to.dispatcher)

NOTICES: tuple[Notice, ...] = (
    *PEOPLE,
    *SAFETY,
    # the machinery
    Notice(
        "job.park",
        to.administrators,
        "有后台任务需要处理",
        "任务「{says}」有事项多次未能完成，已暂停重试，请联系运维人员查看。",
    ),
    *ROUNDS,
    # needs
    Notice(
        "need.submit",
        office("county"),
        "需求待审核",
        "{township}提交了需求「{title}」，请审核。",
        copy=notice.task("需求待审核"),
    ),
    Notice("need.approve", office("township"), "需求已通过审核", "需求「{title}」已通过县级审核。"),
    Notice(
        "need.return",
        office("township"),
        "需求被退回",
        "需求「{title}」被退回。理由：{reason}",
        copy=Copy("need_returned", {"need": "title", "reason": "reason", "at": "at"}),
    ),
    Notice(
        "need.withdraw", to.claimants_of_need, "揭榜的需求已撤回", "{township}撤回了需求「{title}」，您的揭榜不再有效。"
    ),
    Notice(
        "need.close",
        all_of(office("township"), to.claimants_of_need),
        "需求已下榜",
        "需求「{title}」已结束。理由：{reason}",
    ),
    Notice(
        "need.remind_ranking",
        office("township"),
        "请为揭榜人排序",
        "需求「{title}」的揭榜人还没有排序，截止 {until_text}。逾期由县级代为排序。",
        copy=DEADLINE,
    ),
    Notice(
        "need.silent",
        office("county"),
        "乡镇逾期未排序",
        "{township}没有为需求「{title}」的揭榜人排序，县级可以代为排序。",
        copy=notice.task("代乡镇排序"),
    ),
    Notice(
        "round.remind_needs",
        throughout("township"),
        "需求填报即将截止",
        "{title}需求填报将于 {until_text} 截止。",
        copy=DEADLINE,
    ),
    Notice(
        "round.remind_claims",
        throughout("commissioner"),
        "揭榜即将截止",
        "{title}揭榜将于 {until_text} 截止。",
        copy=DEADLINE,
    ),
    # claims
    Notice("claim.create", office("township"), "有人揭榜", "{who}揭榜了需求「{title}」。"),
    Notice("claim.withdraw", office("township"), "揭榜已撤回", "{who}撤回了对需求「{title}」的揭榜。"),
    Notice("claim.rank", to.claimants_of_need, "乡镇已排序", "{township}已为需求「{title}」的揭榜人排序。"),
    Notice(
        "claim.win", to.claimant, "揭榜入选", "您对需求「{title}」的揭榜已入选。{reason}", copy=notice.claim("已入选")
    ),
    Notice(
        "claim.lose",
        to.claimant,
        "揭榜未入选",
        "您对需求「{title}」的揭榜未入选。原因：{reason}",
        copy=notice.claim("未入选"),
    ),
    # plan and publicity
    Notice(
        "proposal.create",
        _BOTH_SIDES,
        "请答复统筹提议",
        "拟安排{who}服务{township}需求「{title}」：{why}。须双方同意，请答复。",
        copy=notice.task("统筹提议待答复"),
    ),
    Notice(
        "proposal.accept", _BOTH_SIDES, "统筹提议有答复", "由{who}服务{township}需求「{title}」的提议，有一方表示同意。"
    ),
    Notice(
        "proposal.decline",
        all_of(_BOTH_SIDES, office("county")),
        "统筹提议未成",
        "由{who}服务{township}需求「{title}」的提议被谢绝。理由：{reason}",
    ),
    Notice(
        "plan.submit",
        office("county_lead"),
        "选派方案待审批",
        "{county}提交了{title}选派方案，请审批。",
        copy=notice.task("选派方案待审批"),
    ),
    Notice(
        "plan.approve",
        all_of(office("city"), office("county"), to.townships_of_plan),
        "选派方案已审定",
        "{county}的{title}选派方案已审定，进入公示。",
    ),
    Notice("plan.reject", office("county"), "选派方案未通过", "{county}的{title}选派方案未通过。理由：{reason}"),
    Notice(
        "plan.recall",
        all_of(office("county"), office("county_lead"), office("city"), to.townships_of_plan),
        "选派方案已收回",
        "{county}的{title}选派方案已收回重做。理由：{reason}",
    ),
    Notice(
        "plan.settle",
        _COUNTY,
        "选派方案已生效",
        "{county}的{title}选派方案已生效，结对已建立。",
    ),
    Notice(
        "publicity.create",
        to.listed,
        "您已列入公示名单",
        "{title}已公示，您在名单中。{end}。",
        copy=Copy("plan_approved", {"round": "title", "state": "'已公示'", "until": "until"}),
    ),
    Notice(
        "publicity.create",
        _STAFF,
        "公示已开始",
        "{title}：{end}。",
        part="staff",
    ),
    Notice(
        "publicity.close",
        _STAFF,
        "公示已结束",
        "{title}公示已结束。",
    ),
    Notice(
        "publicity.remind_over",
        all_of(office("city"), office("county_lead")),
        "公示期满，请办理生效",
        "{title}公示期满，异议均已答复，可以办理生效。",
        copy=notice.task("公示期满待生效"),
    ),
    Notice(
        "publicity.complete",
        all_of(to.listed, _STAFF),
        "公示截止时间已定",
        "{title}{end}。",
    ),
    Notice(
        "objection.create",
        _COUNTY,
        "收到公示异议",
        "{title}收到一份署名异议，请在生效前答复。",
        copy=notice.task("公示异议待答复"),
    ),
    Notice(
        "objection.answer", all_of(office("city"), office("county_lead")), "公示异议已答复", "{title}的一份异议已答复。"
    ),
    # pairings
    Notice(
        "pairing.create",
        _PAIRED,
        "结对已建立",
        "{who}与{township}就需求「{title}」结对，{starts_on} 至 {ends_on}。",
        copy=Copy("pairing_made", {"township": "township", "commissioner": "who", "starts_on": "starts_on"}),
    ),
    Notice(
        "pairing.end",
        _PAIRED,
        "结对已结束",
        "{who}与{township}的结对「{title}」已结束。{reason}",
    ),
    Notice(
        "pairing.terminate",
        _PAIRED,
        "结对已解除",
        "{who}与{township}的结对「{title}」已解除。理由：{reason}",
    ),
    Notice(
        "pairing.recognise",
        all_of(to.serving, office("county")),
        "已获省级认定",
        "{who}与{township}的结对「{title}」获省级认定，文号 {number}。",
    ),
    Notice(
        "pairing.remind_end",
        all_of(to.serving, office("township"), office("county")),
        "结对即将到期",
        "{who}与{township}的结对「{title}」将于 {ends_on} 到期。",
        copy=DEADLINE,
    ),
    # service records
    Notice(
        "record.submit",
        office("township"),
        "服务记录待确认",
        "{who}于 {day} 在{township}服务（{title}），请确认。",
        copy=notice.task("服务记录待确认"),
    ),
    Notice(
        "record.submit",
        to.companions,
        "您被记为同行人员",
        "{who}于 {day} 在{township}的服务记录把您记为同行人员，如有不符可以提出。",
        part="along",
    ),
    Notice(
        "record.correct",
        all_of(office("township"), to.companions),
        "服务记录已更正",
        "{who}更正了 {day} 在{township}的服务记录，请重新查看。理由：{reason}",
    ),
    Notice(
        "record.confirm",
        to.person,
        "服务记录已确认",
        "{by}确认了您 {day} 在{township}的服务。",
        copy=notice.record("已确认"),
    ),
    Notice(
        "record.witness",
        all_of(to.person, office("county")),
        "服务对象已确认",
        "服务对象确认了{who} {day} 在{township}的服务{still}。",
    ),
    Notice(
        "record.doubt",
        all_of(to.person, office("county")),
        "服务对象有异议",
        "服务对象也对{who} {day} 在{township}的服务记录提出异议，请查看记录。",
    ),
    Notice(
        "record.dispute",
        all_of(to.person, office("county")),
        "服务记录有异议",
        "{by}对{who} {day} 的服务记录提出异议：{reason}",
        copy=notice.record("有异议"),
    ),
    Notice(
        "record.accept",
        all_of(to.person, to.companions),
        "服务记录已采信",
        "{who} {day} 在{township}的服务记录已采信，计入服务天数。",
        copy=notice.record("已采信"),
    ),
    Notice(
        "record.return",
        to.person,
        "服务记录被退回",
        "您 {day} 在{township}的服务记录被退回，可以修改后重新提交。理由：{reason}",
        copy=notice.record("已退回"),
    ),
    Notice(
        "record.object",
        all_of(to.person, office("county")),
        "同行人员提出异议",
        "同行人员对{who} {day} 的服务记录提出异议。",
    ),
    # the yearly assessment
    Notice(
        "sheet.create",
        to.person,
        "请填写年度考核表",
        "{year} 年度考核表已根据服务记录生成，请填写个人总结后提交。",
        copy=notice.task("年度考核表待提交"),
    ),
    Notice(
        "assessment.assemble",
        to.assessed,
        "年度考核材料已汇总",
        "{year} 年度考核的服务材料已从采信的记录汇总，可以查看。",
    ),
    Notice(
        "sheet.hand_in",
        all_of(office("township"), office("co_reviewer"), to.dispatcher),
        "考核意见待填写",
        "{who}已提交 {year} 年度考核表，请填写意见。",
        copy=notice.task("考核意见待填写"),
    ),
    Notice(
        "assessment.propose",
        office("county_lead"),
        "考核等次待审批",
        "{county} {year} 年度考核等次建议已提交，请审批。",
        copy=notice.task("考核等次待审批"),
    ),
    Notice(
        "assessment.approve",
        all_of(office("city"), office("county")),
        "考核等次已审定",
        "{county} {year} 年度考核等次建议已审定，进入公示。",
    ),
    Notice(
        "assessment.reject",
        office("county"),
        "考核等次未通过",
        "{county} {year} 年度考核等次建议未通过。理由：{reason}",
    ),
    Notice(
        "assessment.recall",
        all_of(office("county"), office("city")),
        "考核等次已收回",
        "{county} {year} 年度考核等次已收回重议。理由：{reason}",
    ),
    Notice(
        "assessment.confirm",
        to.assessed,
        "年度考核等次通知",
        "您的 {year} 年度考核等次为「{grade}」。如有不同意见，可以申请复核。",
        copy=Copy("grade_notice", {"year": "year", "grade": "grade", "at": "at"}),
    ),
    Notice(
        "assessment.confirm",
        all_of(to.dispatchers_of_assessed, office("county"), office("city")),
        "年度考核结果反馈",
        "{county} {year} 年度考核结果已确认，可以查看反馈。",
        part="feedback",
    ),
    Notice(
        "review.create",
        _COUNTY,
        "收到复核申请",
        "{who}对 {year} 年度考核等次申请复核，请答复。",
        copy=notice.task("复核申请待答复"),
    ),
    Notice("review.answer", to.person, "复核已答复", "您对 {year} 年度考核等次的复核申请已答复，如仍有意见可以申诉。"),
    Notice(
        "review.appeal",
        office("city"),
        "收到申诉",
        "{who}对 {year} 年度考核复核答复提出申诉，请决定。",
        copy=notice.task("申诉待决定"),
    ),
    Notice(
        "review.decide",
        all_of(to.person, office("county")),
        "申诉已决定",
        "{who}对 {year} 年度考核的申诉已有决定，请查看。",
    ),
    *CONTENT,
)

CATALOGUE: dict[str, tuple[Notice, ...]] = {
    name: tuple(one for one in NOTICES if one.event == name) for name in dict.fromkeys(one.event for one in NOTICES)
}
