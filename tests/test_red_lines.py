"""国办函〔2026〕12号: nothing ranks people, counts their logins or makes a check-in a duty (R-REP-3, R-VISIT-2)."""

import re
from pathlib import Path

import pytest

from models import Base
from models.records import Record
from scripts import drawings

ROOT = Path(__file__).parent.parent
WORDS = re.compile(
    r"leader_?board|streak|check_?in_count|login_count|online_(time|minutes)|points_rank|top_people", re.IGNORECASE
)
CHINESE = re.compile(r"排行榜|积分排名|连续签到|签到排名|在线时长|登录次数|必须签到|强制签到|打卡任务")
pytestmark = pytest.mark.one_database


def test_no_column_path_or_field_ranks_people_or_counts_logins():
    """R-REP-3: neither in the database nor in what the API shows."""
    columns = [f"{table.name}.{column.name}" for table in Base.metadata.tables.values() for column in table.columns]
    assert [one for one in columns if WORDS.search(one)] == []
    assert WORDS.findall(drawings.openapi(ROOT)) == []


def test_no_text_that_people_read_asks_for_a_check_in_or_ranks_them():
    """R-REP-3, R-VISIT-2: in code and pages alike."""
    files = [path for room in ("rules", "service", "web", "wechat") for path in (ROOT / room).rglob("*.*")]
    texts = [path for path in files if path.suffix in {".py", ".html", ".js", ".json"}]
    assert len(texts) > 100
    found = [path.name for path in texts if CHINESE.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_the_words_looked_for_would_be_found():
    assert WORDS.search("people.login_count")
    assert CHINESE.search("本月签到排名")


def test_no_setting_and_no_column_makes_position_or_photos_a_duty():
    """R-VISIT-2: a record is whole without a point and without a photo."""
    settings = (ROOT / "service/core/settings.py").read_text(encoding="utf-8").lower()
    assert not re.search(r"check_?in|photo|position|location", settings)
    assert Record.__table__.c.check_in.nullable
    assert Record.__table__.c.device.nullable
