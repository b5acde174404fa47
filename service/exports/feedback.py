"""The yearly results as a file that a dispatching organisation can use in its own assessment (R-ASSESS-7)."""

from uuid import UUID

from rules.schemes import NATURES
from service.assessments import queries
from service.core.unit import UnitOfWork
from service.exports.files import XLSX, File
from service.exports.sheets import Column, xlsx

COLUMNS = (
    Column("年度", 8),
    Column("县（市、区）", 14),
    Column("姓名", 12),
    Column("派出单位", 28),
    Column("服务类型", 16),
    Column("服务乡镇", 16),
    Column("考核等次", 10),
    Column("结果运用", 60),
)


def feedback_xlsx(uow: UnitOfWork, assessment_id: UUID) -> File:
    """Give the feedback rows of a confirmed assessment as XLSX; to a dispatcher those of its own people.

    :raises NotConfirmed: before the results stand.
    """
    told = queries.feedback(uow, assessment_id)
    rows = [
        (
            one["year"],
            one["county_name"],
            one["name"],
            one["organisation_name"],
            NATURES.get(one["nature"]),
            one["township_name"],
            one["grade"],
            one["effect"],
        )
        for one in told["items"]
    ]
    title = f"{told['county_name']}{told['year']}年度科技特派员考核结果反馈"
    return File(f"{title}.xlsx", XLSX, xlsx("考核结果", COLUMNS, rows))
