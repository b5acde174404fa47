"""The people of all tests, named once. Everybody is fictional; phone numbers are of an unassigned range."""

from dataclasses import dataclass

CITY, OTHER_CITY = "4452", "4453"
RONGCHENG, PUNING = "445202", "445281"
PAOTAI, DIDU = "445202102000", "445202103000"  # 砲台镇, 地都镇 in 榕城区
GAOPU = "445281113000"  # 高埔镇 in 普宁市


@dataclass(frozen=True)
class Part:
    """One person of the cast, with the role they play and where."""

    key: str
    name: str
    role: str
    region: str | None = None
    organisation: str | None = None
    specialties: tuple[str, ...] = ()
    phone: str | None = None


CAST: tuple[Part, ...] = (
    Part("admin", "管正平", "admin", CITY),
    Part("admin2", "管思明", "admin", CITY),
    Part("city", "石知远", "city", CITY),
    Part("auditor", "纪清", "auditor", CITY),
    Part("county", "金榕生", "county", RONGCHENG),
    Part("lead", "林审言", "county_lead", RONGCHENG),
    Part("co_reviewer", "任会审", "co_reviewer", RONGCHENG),
    Part("township", "砲小满", "township", PAOTAI),
    Part("didu", "狄惊蛰", "township", DIDU),
    Part("other_county", "普建国", "county", PUNING),
    Part("other_lead", "宁把关", "county_lead", PUNING),
    Part("other_township", "高谷雨", "township", GAOPU),
    Part("dispatcher", "华派", "dispatcher", organisation="ORG01"),
    Part("chen", "陈茶生", "commissioner", CITY, "ORG01", phone="19900001001"),
    Part("li", "李稻香", "commissioner", CITY, "ORG01", phone="19900001002"),
    Part("wang", "王果实", "commissioner", CITY, "ORG02", phone="19900001003"),
    Part("zhao", "赵海田", "commissioner", CITY, "ORG02", phone="19900001004"),
    Part("sun", "孙竹青", "commissioner", CITY, "ORG04", phone="19900001005"),
)
"""Commissioners know tea, rice and fruit alike unless a test says otherwise."""

SPECIALTIES = ("A0111", "A0153", "A0164")
