"""The catalogue's rows about content that WeChat did not let pass. None of them repeats its words."""

from service.notifications import audiences as to
from service.notifications import notice
from service.notifications.notice import Notice

_TITLE = "内容待人工复核"

CONTENT: tuple[Notice, ...] = (
    *(
        Notice(event, to.deciders, _TITLE, "一条{subject}内容未通过检测，暂不公开：{why}。", copy=notice.task(_TITLE))
        for event in ("content.doubt", "content.risk", "content.hold")
    ),
    Notice("content.release", to.author, "内容已人工放行", "您提交的{subject}内容经人工复核可以公开。理由：{reason}"),
    Notice("content.reject", to.author, "内容不予公开", "您提交的{subject}内容经人工复核不予公开。理由：{reason}"),
)
