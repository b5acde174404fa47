"""What speaks for a record, the strongest first (R-VISIT-4)."""

from hypothesis import given
from hypothesis import strategies as st

from rules.evidence import WEIGHT, Evidence, Material, Source, evidence


def word(by="township", link_by=None, number=1, at="2026-06-15T06:00:00+00:00", **more):
    return {"by": by, "link_by": link_by, "number": number, "at": at, **more}


def test_the_order_is_that_of_the_weights_whatever_came_first():
    there = Material(
        words=[
            word("farmer", "commissioner"),
            word("farmer", "township", rating=4, words="来了"),
            word(number=1, rating=5),
            word(number=2, at="2026-06-16T06:00:00+00:00"),
        ],
        number=1,
        photos=(2, 3),
        place="砲台镇",
        checked_in=True,
        distance_m=1234,
        companions=[("李稻香", False), ("王果实", True)],
    )
    found = evidence(there)
    assert [(one.source.value, one.supports, one.text) for one in found] == [
        ("township", True, "乡镇确认属实，评 5 分"),
        ("farmer", True, "农户（链接由乡镇发出）确认属实，评 4 分：「来了」"),
        ("farmer_by_commissioner", True, "农户（链接由特派员本人发出，分量较轻）确认属实"),
        ("photos", True, "照片 3 张，其中 1 张尚未传到"),
        ("check_in", True, "签到位置，距砲台镇约 1.2 公里"),
        ("companions", False, "王果实表示没有同行"),
        ("companions", True, "同行：李稻香"),
        ("earlier", True, "对第 2 版：乡镇确认属实"),
    ]


def test_a_dispute_speaks_against_and_the_latest_word_of_one_source_comes_first():
    first, second = word(at="2026-06-15T06:00:00+00:00"), word(at="2026-06-15T07:00:00+00:00", disputes="没有来")
    found = evidence(Material(words=[first, second]))
    assert [(one.supports, one.text) for one in found] == [
        (False, "乡镇认为不属实：「没有来」"),
        (True, "乡镇确认属实"),
    ]
    assert found == evidence(Material(words=[second, first]))


def test_nothing_is_compulsory_and_nothing_is_made_up():
    """R-VISIT-2: a record without photos, place or companions has no hole where they would be."""
    assert evidence(Material()) == ()
    assert [one.text for one in evidence(Material(photos=(0, 1), checked_in=True))] == [
        "照片 1 张，其中 1 张尚未传到",
        "签到位置，没有可比的参照点",
    ]
    assert "约 350 米" in evidence(Material(place="砲台镇", checked_in=True, distance_m=350))[0].text


WORDS = st.builds(
    word,
    st.sampled_from(["township", "farmer"]),
    st.sampled_from([None, "township", "commissioner"]),
    st.integers(1, 3),
    st.sampled_from(["2026-06-15T06:00:00+00:00", "2026-06-16T06:00:00+00:00"]),
    disputes=st.sampled_from([None, "不对"]),
)


@given(st.lists(WORDS, max_size=6), st.integers(1, 3), st.booleans())
def test_every_word_is_there_once_and_a_stronger_source_never_comes_later(words, number, checked_in):
    found = evidence(Material(words=words, number=number, checked_in=checked_in))
    assert len(found) == len(words) + checked_in
    places = [WEIGHT[one.source] for one in found]
    assert places == sorted(places)
    assert all(isinstance(one, Evidence) for one in found)
    assert sum(one.source == Source.EARLIER for one in found) == sum(one["number"] != number for one in words)
