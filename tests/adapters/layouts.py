"""Mappings the tests of the adapters share."""

from adapters.mapping import read_mapping

PERSONS = """
kind = "persons"
trailer = "#END"
gaiji = { "U+E001" = "𠮷" }
[columns]
student_number = { source = "学籍番号", width = 7 }
name_kanji = { source = "氏名" }
birth_date = { source = "生年月日" }
"""
RESULTS = """
kind = "results"
failing = ["D"]
[columns]
student_number = { source = "番号" }
code = { source = "科目コード" }
title = { source = "科目名" }
year = { source = "年度" }
term = { source = "学期" }
credits = { source = "単位" }
credit_unit = { value = "JP-UNIV" }
grade = { source = "評価", codes = { "秀" = "S" } }
scale = { value = "JP5-S" }
passed = { source = "合否" }
score = { source = "評点" }
attempt = { source = "回", default = "1" }
media = { source = "形態", codes = { "遠隔" = "yes" }, other = "no" }
"""
FIXED = """
kind = "persons"
layout = "fixed"
line_bytes = 36
record_type = { detail = "D", trailer = "T" }
[columns]
student_number = { start = 2, bytes = 8, width = 7 }
name_kanji = { start = 10, bytes = 20 }
birth_date = { start = 30, bytes = 7 }
nationality = { value = "JPN" }
"""


def mapping(text: str, **changes: str) -> object:
    """Read one of the above, with some of its text exchanged."""
    for old, new in changes.items():
        text = text.replace(old, new)
    return read_mapping(text.encode(), file="mapping.toml")
