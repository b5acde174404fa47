"""Who hears of what about people, roles, bindings and teams; a part of the catalogue."""

from service.notifications import audiences as to
from service.notifications import notice
from service.notifications.audiences import all_of, office
from service.notifications.notice import DEADLINE, Notice

_APPROVERS = all_of(office("admin"), office("city"), office("county_lead"))

PEOPLE: tuple[Notice, ...] = (
    Notice(
        "role.create",
        _APPROVERS,
        "角色授权待批准",
        "{who}拟任{where}{role}，请另一位有权人员批准。",
        copy=notice.task("角色授权待批准"),
    ),
    Notice("role.approve", to.person, "角色已生效", "您的{where}{role}角色已批准生效。"),
    Notice("role.reject", to.creator, "角色授权未获批准", "{who}的{where}{role}角色未获批准。理由：{reason}"),
    Notice("role.remind_end", to.person, "角色即将到期", "您的{where}{role}将于 {until_text} 到期。", copy=DEADLINE),
    Notice("role.end", to.person, "角色已终止", "您的{where}{role}角色已终止。理由：{reason}"),
    Notice(
        "binding.create",
        all_of(_APPROVERS, office("county")),
        "微信绑定待核实",
        "{who}申请绑定微信，请核实本人身份后批准。",
        copy=notice.task("微信绑定待核实"),
    ),
    Notice("binding.approve", to.person, "微信绑定已核实", "您的微信已与登记身份绑定，角色即时生效。{cooling}"),
    Notice("binding.resume", to.person, "微信绑定已恢复", "您的微信绑定已恢复，请重新登录。{cooling}"),
    Notice("binding.reject", to.person, "微信绑定未通过", "您的微信绑定未通过核实。理由：{reason}"),
    Notice(
        "binding.suspend",
        to.person,
        "微信绑定已停用",
        "您原来的微信绑定已停用，该微信已退出登录。理由：{reason}",
        copy=notice.task("微信绑定已停用，请核对"),
        device=True,
    ),
    Notice(
        "binding.retire",
        to.person,
        "微信绑定已注销",
        "您原来的微信绑定已注销，该微信已退出登录。理由：{reason}。如非本人申请，请立即联系登记单位。",
        copy=notice.task("微信绑定已更换，请核对"),
        device=True,
    ),
    Notice(
        "person.invite",
        to.bound,
        "为您生成了绑定邀请",
        "工作人员为您生成了新的微信绑定邀请，使用后现在的微信即退出登录。如非本人要求，请立即联系登记单位。",
    ),
    Notice(
        "person.mismatch",
        all_of(to.inviter, to.bound),
        "绑定邀请被他人使用",
        "有人出示了{who}的绑定邀请，但微信手机号与登记的不一致，已拒绝。如邀请可能外泄，请重新生成。",
    ),
    Notice(
        "person.forget",
        to.oneself,
        "定位已按您的撤回删除",
        "您撤回定位同意后，不再需要的定位已经删除；年度考核尚未办结的，办结后自动删除。",
    ),
    Notice(
        "team.create",
        to.team,
        "邀请您加入团队",
        "{leader}邀请您加入团队「{title}」，请答复是否同意。",
        copy=notice.task("团队邀请待答复"),
    ),
    Notice("team.confirm", to.team, "团队已组成", "团队「{title}」成员均已同意，团队正式组成，由{leader}代表揭榜。"),
    Notice("team.agree", to.leader, "成员同意加入团队", "又有成员同意加入团队「{title}」，其余成员尚待答复。"),
    Notice("team.leave", to.leader, "有成员退出团队", "团队「{title}」有成员退出或未同意加入。"),
    Notice("team.dissolve", to.team, "团队已解散", "团队「{title}」已解散。理由：{reason}"),
    Notice(
        "person.close",
        to.posted_at,
        "在任人员注销账号",
        "结对「{title}」的科技特派员已注销账号，请按程序办理后续事宜。",
    ),
)
