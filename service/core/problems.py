"""Kinds of refusal. A feature derives its own beside the function that raises it; only `web/problems.py` knows HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class Refusal(Exception):
    """Something that was asked for and will not be done. `title` is Chinese and fixed, `detail` may name the case.

    :param errors: texts per field, where fields are to blame.
    :param members: further machine-readable members of the answer.
    """

    kind: ClassVar[str] = "refusal"
    title: ClassVar[str] = "请求未被接受"

    def __init__(self, detail: str = "", *, errors: Mapping[str, Sequence[str]] | None = None, **members: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = errors
        self.members = members


class Malformed(Refusal):
    """The request cannot be read."""

    kind, title = "malformed", "请求格式不正确"


class NotLoggedIn(Refusal):
    """No living session."""

    kind, title = "not-logged-in", "请先登录"


class Forbidden(Refusal):
    """The caller's roles may not do this."""

    kind, title = "forbidden", "没有此项权限"


class NotFound(Refusal):
    """It is not there, or not the caller's to see."""

    kind, title = "not-found", "没有找到"


class Conflict(Refusal):
    """What is there does not allow it now."""

    kind, title = "conflict", "与当前状态冲突"


class Invalid(Refusal):
    """Fields are wrong; `errors` names each."""

    kind, title = "invalid", "填写的内容有误"


class Stale(Refusal):
    """The thing changed since the caller read it."""

    kind, title = "stale", "内容已被他人更新，请刷新后再试"


class ConditionMissing(Refusal):
    """An edit without `If-Match`."""

    kind, title = "condition-missing", "缺少 If-Match，请先读取最新内容"


class TooLarge(Refusal):
    """A body or file over its limit."""

    kind, title = "too-large", "内容超过大小限制"


class UnsupportedMedia(Refusal):
    """A body of a type that is not taken here."""

    kind, title = "unsupported-media", "不支持这种内容类型"


class TooMany(Refusal):
    """Tried too often; `retry_after` seconds is a member."""

    kind, title = "too-many", "尝试过于频繁，请稍后再试"


class Unavailable(Refusal):
    """Something that we need is away for the moment."""

    kind, title = "unavailable", "服务暂时不可用，请稍后再试"


class Full(Refusal):
    """No room is left to write; what is there can be read."""

    kind, title = "storage-full", "存储空间不足，暂时不能写入；已有内容不受影响，请稍后再试或联系管理员"


class WrongState(Conflict):
    """The move does not exist from the state the thing is in now."""

    kind, title = "wrong-state", "当前状态不能进行此操作"


class SamePerson(Forbidden):
    """Whoever prepared it may not decide on it (separation of duties)."""

    kind, title = "same-person", "经办人不能审批自己提交的事项"


class KeyReused(Conflict):
    """The same id or Idempotency-Key came with other content."""

    kind, title = "key-reused", "同一编号已用于不同的内容"


class IdTaken(Conflict):
    """The id that the caller brought belongs to something else."""

    kind, title = "id-taken", "编号已被占用"
