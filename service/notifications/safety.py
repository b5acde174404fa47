"""Rows of the catalogue about entering the console in need: nobody can do it unseen."""

from service.notifications import audiences as to
from service.notifications import notice
from service.notifications.notice import Notice

SAFETY: tuple[Notice, ...] = (
    Notice(
        "person.break_glass",
        to.administrators,
        "应急口令已签发",
        "主机管理员为系统管理员{who}签发了进入工作台的一次性应急口令。如非约定，请立即核查。",
        copy=notice.task("核查应急口令"),
    ),
    Notice(
        "person.enter_by_glass",
        to.administrators,
        "应急口令已使用",
        "系统管理员{who}用应急口令进入了工作台。如非约定，请立即核查。",
        copy=notice.task("核查应急口令"),
    ),
    Notice(
        "person.reset_factors",
        to.oneself,
        "工作台验证方式已重置",
        "主机管理员重置了您的工作台第二验证方式，下次登录时须重新登记。如非本人要求，请立即联系系统管理员。",
    ),
)
