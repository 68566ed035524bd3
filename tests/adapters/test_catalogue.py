"""The programme catalogue, from TOML and from CSV."""

import tomllib

import pytest

from adapters.catalogue import read_catalogue
from adapters.source import SourceError
from node.config import config_folder
from node.demo.people import courses, demo_file
from protocol.credentials.learner_record import GradingScale

CSV = """kind,key,item,value
institution,,institution.en,Sample University
institution,,institution_status.en,Public
institution,,country,NL
institution,,signatory.en,Sam Sample
institution,,education_system.en,Three cycles
scale,A-F,name.en,Letters
band,A-F/A,passed,true
band,A-F/A,points,4
programme,CS,name.en,Computing
programme,CS,languages,en;nl
programme,CS,grading_scale,A-F
course,CS1/2024,syllabus,https://b.test/1
course,CS1/2024,assessment,https://b.test/2
"""


def read(text, file="catalogue.csv"):
    return read_catalogue(text.encode(), file=file)


def test_the_catalogue_of_a_is_complete_for_the_graduates_programme():
    catalogue = read_catalogue(demo_file("catalogue-a.toml"), file="catalogue-a.toml")
    computing, history = catalogue.programmes

    absent = {
        programme.key: [
            name
            for name in type(programme).model_fields
            if getattr(programme, name) in (None, ())
        ]
        for programme in (computing, history)
    }
    assert absent == {computing.key: [], history.key: ["learning_outcomes"]}
    assert (computing.field, computing.field_name is not None) == ("0613", True)
    linked = {(course.code, course.year) for course in catalogue.courses}
    assert {(c.code, year) for c in courses() for year in range(2021, 2026)} == linked
    assert sum(b.share or 0 for b in catalogue.scale("JP5-S").bands) == 1
    assert catalogue.education_system.ja
    assert catalogue.education_system.en


def test_a_csv_says_the_same_as_a_toml():
    catalogue = read(CSV)

    assert catalogue.programme("CS").languages == ("en", "nl")
    assert catalogue.scale("A-F").bands[0].label == "A"
    assert catalogue.courses[0].year == 2024
    assert read_catalogue(demo_file("catalogue-b.csv"), file="b.CSV").programme(
        "CS-MSC"
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kind,key", "Kind,Key", "c.csv:1: the heading must be"),
        ("programme,CS,name", "program,CS,name", "c.csv:10: kind is 'program', not"),
        ("programme,CS,name", "programme,,name", "c.csv:10: programme needs a key"),
        ("band,A-F/A,passed", "band,B-F/A,passed", "c.csv:8: no scale 'B-F'"),
        ("A-F/A,points,4", "A-F/A,passed,4", "c.csv:9: passed is given twice"),
        ("name.en,Computing", "name.en.x,1", "programmes.0.name"),
        ("country,NL", "institution.en.x,NL", "c.csv:4: en has a value already"),
        ("country,NL", "country,NL,extra", "c.csv:4: 5 columns, not 4"),
        ("Public", '"Pub"lic"', "c.csv:3"),
        (
            "grading_scale,A-F",
            "grading_scale,X",
            "grading_scale is 'X'; there are: A-F",
        ),
        ("points,4", "points,many", "grading_scales.0.bands.0.points"),
        ("country,NL", "planet,Earth", "planet: Extra inputs"),
    ],
)
def test_a_mistake_is_named_with_file_and_place(old, new, says):
    with pytest.raises(SourceError, match=says):
        read(CSV.replace(old, new, 1), file="c.csv")


def test_keys_stand_once():
    toml = demo_file("catalogue-b.csv").decode()
    with pytest.raises(SourceError, match="course CS1 of 2024 stands twice"):
        read(CSV + "course,CS1/02024,syllabus,x\ncourse,CS1/02024,assessment,y\n")
    a = demo_file("catalogue-a.toml").decode()
    with pytest.raises(
        SourceError, match="programme '01/工学部/情報工学科' stands twice"
    ):
        read(a.replace("02/文学部/史学科", "01/工学部/情報工学科"), file="a.toml")
    assert toml


def test_what_is_no_catalogue_is_refused(monkeypatch):
    with pytest.raises(SourceError, match="not a TOML file"):
        read("= 1", file="a.toml")
    with pytest.raises(SourceError, match="a catalogue is UTF-8"):
        read_catalogue(b"\x81\x20", file="a.toml")
    with pytest.raises(SourceError, match="the heading must be"):
        read("")
    monkeypatch.setattr("adapters.catalogue.LARGEST_FILE", 3)
    with pytest.raises(SourceError, match="larger than 3 bytes"):
        read(CSV)


def test_courses_that_stand_for_many(monkeypatch):
    a = demo_file("catalogue-a.toml").decode()
    with pytest.raises(SourceError, match=r"courses\.0: codes and years are lists"):
        read(
            a.replace("years = [2021, 2022, 2023, 2024, 2025]", "years = 2021", 1), "a"
        )
    with pytest.raises(SourceError, match="courses"):
        read('courses = "x"\n' + a.split("[[courses]]", 1)[0], "a.toml")
    monkeypatch.setattr("adapters.catalogue.MOST_COURSES", 10)
    with pytest.raises(SourceError, match="more than 10 courses"):
        read(a, "a.toml")


def test_the_grading_scales_to_copy_from_can_be_copied():
    files = sorted((config_folder() / "grading-scales").glob("*.toml"))
    scales = [
        GradingScale.model_validate(scale)
        for file in files
        for scale in tomllib.loads(file.read_text(encoding="utf-8"))["grading_scales"]
    ]
    assert [scale.key for scale in scales] == ["A-F", "JP5-S"]
