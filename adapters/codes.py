"""The code tables nearly every Japanese student system shares.

A mapping's own `codes` come first; what neither knows is refused, never guessed. Keys
are normalised spellings (`adapters.japanese.normalise`), in upper case where they are
Latin.
"""

STATUS = {
    "在学": "enrolled",
    "在籍": "enrolled",
    "ENROLLED": "enrolled",
    "休学": "on-leave",
    "ON LEAVE": "on-leave",
    "卒業": "graduated",
    "修了": "graduated",
    "GRADUATED": "graduated",
    "退学": "withdrawn",
    "WITHDRAWN": "withdrawn",
    "除籍": "removed",
    "REMOVED": "removed",
    "卒業見込": "expected",
    "卒業見込み": "expected",
    "修了見込": "expected",
    "EXPECTED": "expected",
}
TERM = {
    "前": "first",
    "前期": "first",
    "春": "first",
    "春学期": "first",
    "FIRST": "first",
    "SPRING": "first",
    "後": "second",
    "後期": "second",
    "秋": "second",
    "秋学期": "second",
    "SECOND": "second",
    "FALL": "second",
    "通": "full-year",
    "通年": "full-year",
    "FULL-YEAR": "full-year",
    "FULL YEAR": "full-year",
    "集": "intensive",
    "集中": "intensive",
    "INTENSIVE": "intensive",
}
_YES = dict.fromkeys(("1", "Y", "YES", "TRUE", "○", "〇", "有"), "yes")
_NO = dict.fromkeys(("0", "N", "NO", "FALSE", "×", "無"), "no")
PASSED = _YES | _NO | {"合": "yes", "合格": "yes", "PASS": "yes", "PASSED": "yes"}
PASSED |= {"否": "no", "不合格": "no", "FAIL": "no", "FAILED": "no"}
MEDIA = _YES | _NO | {"遠隔": "yes", "メディア": "yes", "対面": "no", "面接": "no"}
COMPULSORY = {
    "必修": "compulsory",
    "必": "compulsory",
    "COMPULSORY": "compulsory",
    "選択": "elective",
    "選択必修": "elective",
    "選": "elective",
    "ELECTIVE": "elective",
    "自由": "free",
    "自": "free",
    "FREE": "free",
}
SEX = {"0": "0", "1": "1", "2": "2", "9": "9", "男": "1", "女": "2", "M": "1", "F": "2"}
COUNTRIES = {
    "日本": "JPN",
    "中国": "CHN",
    "韓国": "KOR",
    "台湾": "TWN",
    "ベトナム": "VNM",
    "ネパール": "NPL",
    "インドネシア": "IDN",
    "JP": "JPN",
}
"""Names seen in place of the ISO 3166-1 alpha-3 code, which is taken as it is."""

TABLES: dict[str, dict[str, str]] = {
    "status": STATUS,
    "term": TERM,
    "passed": PASSED,
    "media": MEDIA,
    "compulsory": COMPULSORY,
    "sex": SEX,
    "nationality": COUNTRIES,
}
