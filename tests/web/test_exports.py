"""Files for other offices, read back as a spreadsheet program would (R-REP-2, R-APP-4, R-MATCH-4)."""

from io import BytesIO
from urllib.parse import unquote

import sqlalchemy as sa
from openpyxl import load_workbook
from sqlalchemy.orm import Session

from models.identity import Person
from tests.make import a_round, an_approved_need
from tests.rows import a_claim_row, a_pair, a_plan_row
from tests.web.test_pairings import ENDED, OPENED, Season
from tests.world import Answer, Caller, World, new_id

FORMULA = '=HYPERLINK("http://evil.example","点我")'


def table(answer: Answer) -> list[list[object]]:
    """The first sheet's cells; nothing in it may be a formula."""
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    book = load_workbook(BytesIO(answer.content))
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)
    return [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]


def notes(answer: Answer) -> str:
    return "\n".join(str(row[0]) for row in load_workbook(BytesIO(answer.content)).worksheets[1].values)


def name_of(answer: Answer) -> str:
    return unquote(answer.headers["Content-Disposition"].partition("filename*=UTF-8''")[2])


def test_the_plan_for_signature_shows_each_pair_with_its_reason(world: World) -> None:
    """R-MATCH-4: stable columns, Chinese headings, who prepared and who approves."""
    season = Season(world)
    path = f"/plans/{season.plan}/signature.xlsx"
    for key in ("county", "lead", "city", "auditor"):
        rows = table(world.as_(key).get(path))
    assert rows[0] == [
        "序号",
        "县（市、区）",
        "乡镇",
        "需求",
        "科技特派员（团队）",
        "团队成员",
        "派出单位",
        "职称",
        "专业领域",
        "产生方式",
        "选派理由",
    ]
    assert rows[1][1:5] == ["榕城区", "砲台镇", "乌龙茶园茶小绿叶蝉防治", "陈茶生"]
    assert rows[1][9:] == ["双向选择", "双向选择"]
    assert len(rows) == 2
    answer = world.as_("lead").get(path)
    assert name_of(answer) == "2026年春季镇村发榜 榕城区 选派方案（呈签）.xlsx"
    assert "经办人：金榕生" in notes(answer)
    assert "审批人：　" in notes(answer)
    season.approve()
    assert "审批人：林审言" in notes(world.as_("lead").get(path))


def test_a_plan_for_signature_is_its_countys_and_no_draft(world: World) -> None:
    """Another county: 404; another role: 403; a draft: 409."""
    season = Season(world)
    path = f"/plans/{season.plan}/signature.xlsx"
    assert world.anyone().get(path).status == 401
    assert world.as_("chen").get(path).status == 403
    assert world.as_("other_county").get(path).status == 404
    assert world.as_("county").get(f"/plans/{new_id()}/signature.xlsx").status == 404
    draft = a_plan_row(world, season.round, [], state="prepared", draft=True)
    assert world.as_("county").get(f"/plans/{draft}/signature.xlsx").status == 409


def test_the_public_list_is_what_the_page_shows(world: World) -> None:
    """R-APP-4: for everybody, without a login, and no more than name, organisation, field and host."""
    season = Season(world).approve()
    answer = world.anyone().get(f"/publicity/{season.publicity}/list.xlsx")
    rows = table(answer)
    assert rows[0] == ["序号", "姓名（团队）", "派出单位", "专业领域", "服务乡镇"]
    item = world.anyone().get(f"/publicity/{season.publicity}")["items"][0]
    assert rows[1:] == [[1, item["name"], item["organisation"], item["field"], item["host"]]]
    assert name_of(answer) == "2026年春季镇村发榜榕城区科技特派员选派公示.xlsx"
    assert "2026-03-03 至 2026-03-09" in notes(answer)
    assert world.anyone().get(f"/publicity/{new_id()}/list.xlsx").status == 404


def test_the_filing_list_holds_what_was_recognised(world: World) -> None:
    """Domain §3 step 6: numbers and dates; with `pending` also what waits for its number."""
    season = Season(world)
    one = season.settled()
    city: Caller = world.as_("city")
    path = f"/rounds/{season.round}/filing.xlsx"
    assert world.as_("county").get(path).status == 403
    assert world.anyone().get(path).status == 401
    assert city.get(path, pending="x").status == 422
    assert len(table(city.get(path))) == 1
    assert [row[1] for row in table(city.get(path, pending="1"))[1:]] == [None]
    number = "粤科特认〔2026〕001号"
    city.ok("POST", f"/pairings/{one['id']}/recognition", {"number": number, "date": "2026-03-10"})
    rows = table(city.get(path))
    assert rows[0][:4] == ["序号", "认定编号", "认定日期", "科技特派员（团队）"]
    assert rows[1][:4] == [1, number, "2026-03-10", "陈茶生"]
    assert rows[1][8:] == [
        "榕城区",
        "砲台镇",
        "乌龙茶园茶小绿叶蝉防治",
        "2026-03-10",
        "2029-03-09",
        "有效",
    ]
    city.ok("POST", f"/pairings/{one['id']}/terminate", {"reason": "违反协议"})
    assert len(table(city.get(path))) == 1


def test_what_people_typed_never_becomes_a_formula(world: World) -> None:
    """Formula-safe: titles and names that begin like one stay text in all three files."""
    world.at(OPENED)
    round_ = a_round(world, title="=春/季*发榜")["id"]
    need = an_approved_need(world, round_id=round_, title=FORMULA)
    pair = a_pair(world, "chen", need, a_claim_row(world, "chen", need), reasons=["-双向"])
    with Session(world.house.engine) as session, session.begin():
        session.execute(sa.update(Person).where(Person.name == "陈茶生").values(title="+职称", name="@陈茶生"))
    plan = a_plan_row(world, round_, [pair])
    signed = world.as_("county").get(f"/plans/{plan}/signature.xlsx")
    assert [table(signed)[1][at] for at in (3, 4, 7, 10)] == [FORMULA, "@陈茶生", "+职称", "-双向"]
    assert name_of(signed) == "=春 季 发榜 榕城区 选派方案（呈签）.xlsx"
    publicity = world.as_("lead").ok("POST", f"/plans/{plan}/approve")["publicity"]
    assert table(world.anyone().get(f"/publicity/{publicity}/list.xlsx"))[1][1] == "@陈茶生"
    world.at(ENDED)
    world.as_("city").ok("POST", f"/plans/{plan}/settle")
    assert table(world.as_("city").get(f"/rounds/{round_}/filing.xlsx", pending="1"))[1][10] == FORMULA
