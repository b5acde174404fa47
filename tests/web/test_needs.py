"""Needs from draft to board, as townships, counties and strangers see them (R-NEED-1…3)."""

from tests.cast import GAOPU
from tests.make import a_need, a_round, an_approved_need
from tests.world import World, new_id


def test_an_everyday_need_goes_from_draft_to_the_board(world: World) -> None:
    """R-NEED-1, R-NEED-2: posted by the township, approved by the county, read by everybody without contact data."""
    township, county = world.as_("township"), world.as_("county")
    draft = township.ok("POST", "/needs", a_need())
    assert draft.status == 201
    assert draft["state"] == "draft"
    assert draft["moves"] == ["submit", "withdraw"]
    path = f"/needs/{draft['id']}"
    assert draft.headers["Location"] == "/api/v1" + path
    assert township.ok("POST", path + "/submit")["state"] == "submitted"
    assert [one["id"] for one in county.get("/needs", state="submitted")["items"]] == [draft["id"]]
    assert county.get(path)["moves"] == ["approve", "return"]
    assert world.anyone().get(f"/board/{draft['id']}").status == 404
    county.ok("POST", path + "/approve")
    world.check_content()
    shown = world.anyone().get(f"/board/{draft['id']}")
    assert shown.status == 200
    assert "contact" not in shown.json
    assert "19900002001" not in shown.content.decode()


def test_a_return_needs_a_reason_and_comes_back_better(world: World) -> None:
    """R-NEED-2: each move records why."""
    township, county = world.as_("township"), world.as_("county")
    need = township.ok("POST", "/needs", a_need())
    path = f"/needs/{need['id']}"
    township.ok("POST", path + "/submit")
    refused = county.post(path + "/return")
    assert (refused.status, list(refused["errors"])) == (422, ["reason"])
    returned = county.ok("POST", path + "/return", {"reason": "请写明茶园面积"})
    assert returned["state_reason"] == "请写明茶园面积"
    seen = township.get(path)
    assert township.patch(path, {"wanted": "示范茶园二十亩"}).status == 428
    assert township.patch(path, {"wanted": "示范茶园二十亩"}, '"other"').status == 412
    assert township.patch(path, {"wanted": "示范茶园二十亩"}, seen.etag).status == 200
    assert township.ok("POST", path + "/submit")["state"] == "submitted"


def test_what_is_missing_is_named_before_the_board(world: World) -> None:
    """R-NEED-1: every lack at once, by field."""
    township = world.as_("township")
    need = township.ok("POST", "/needs", a_need(problem="", specialties=[], contact=""))
    refused = township.post(f"/needs/{need['id']}/submit")
    assert refused.status == 422
    assert set(refused["errors"]) == {"problem", "specialties", "contact"}


def test_sending_again_answers_the_same_and_other_content_is_refused(world: World) -> None:
    """The same id and content: the first answer; other content: 409."""
    township, body = world.as_("township"), a_need()
    first, again = township.post("/needs", body), township.post("/needs", body)
    assert (first.status, first.content) == (again.status, again.content)
    assert township.post("/needs", body | {"title": "另一件事"}).status == 409
    assert len(township.get("/needs")["items"]) == 1


def test_what_lies_outside_the_jurisdiction_is_not_found(world: World) -> None:
    """Another township, another county: 404; another role: 403; nobody: 401."""
    need = world.as_("township").ok("POST", "/needs", a_need())
    path = f"/needs/{need['id']}"
    assert world.as_("other_county").get(path).status == 404
    assert world.as_("didu").post(path + "/submit").status == 404
    assert world.as_("chen").get(path).status == 403
    assert world.as_("county").post(path + "/submit").status == 403
    assert world.anyone().get(path).status == 401
    assert world.as_("township").post("/needs", a_need(township=GAOPU)).status == 422


def test_likely_duplicates_are_shown_before_submission(world: World) -> None:
    """R-NEED-3: own and neighbouring open needs that look alike."""
    first = an_approved_need(world)
    draft = world.as_("township").ok("POST", "/needs", a_need())
    assert [one["need"] for one in draft["duplicates"]] == [first["id"]]
    assert draft["duplicates"][0]["likeness"] == 100


def test_the_board_filters_and_finds_chinese(world: World) -> None:
    """Filters, search by parts of words, literal wildcards."""
    tea = an_approved_need(world)
    rice = an_approved_need(
        world,
        "other_township",
        "other_county",
        title="早稻直播田杂草",
        problem="稗草多",
        wanted="除草方案",
        township=GAOPU,
        specialties=["A0111"],
        form="remote",
    )
    anyone = world.anyone()

    def found(**query: str) -> list[str]:
        return [one["id"] for one in anyone.get("/board", **query)["items"]]

    assert found() == [rice["id"], tea["id"]]
    assert found(q="叶蝉") == [tea["id"]]
    assert found(q="稻 稗草") == [rice["id"]]
    assert found(q="%") == []
    assert found(county="445281") == [rice["id"]]
    assert found(specialty="A0164") == [tea["id"]]
    assert found(form="remote") == [rice["id"]]
    first = anyone.get("/board", limit=1)
    assert [one["id"] for one in first["items"]] == [rice["id"]]
    second = anyone.get("/board", limit=1, cursor=first["next"])
    assert ([one["id"] for one in second["items"]], second["next"]) == ([tea["id"]], None)
    assert anyone.get("/board", cursor="x").status == 400
    assert anyone.get("/board", color="red").status == 422


def test_a_round_shows_its_needs_only_once_published(world: World) -> None:
    """The board of a round is the city's to publish."""
    round_ = a_round(world)
    city = world.as_("city")
    assert city.post(f"/rounds/{round_['id']}/publish").status == 409
    need = an_approved_need(world, round_id=round_["id"])
    assert world.anyone().get(f"/board/{need['id']}").status == 404
    city.ok("POST", f"/rounds/{round_['id']}/publish")
    assert world.anyone().get(f"/board/{need['id']}").status == 200
    assert city.post(f"/rounds/{round_['id']}/publish", headers={"Idempotency-Key": new_id()}).status == 409
