"""Public samples: Japanese exports with their traps, and ELMO of the field."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from lxml import etree

from adapters import SOURCES, elmo
from adapters.catalogue import read_catalogue
from adapters.elmo_signature import unpack, verify
from adapters.mapping import read_mapping
from adapters.source import Rejected, SourceError
from node.demo.elmo import make
from node.demo.people import demo_file
from node.services.mapping_guess import guess_mapping

STANDARDS = Path(__file__).parents[3] / "shared" / "standards"
EXPORTS = STANDARDS / "jp-sis-samples"
ELMO = STANDARDS / "elmo"
AT = datetime(2026, 11, 24, tzinfo=UTC)

pytestmark = [
    pytest.mark.samples,
    pytest.mark.skipif(not STANDARDS.exists(), reason="no folder of public samples"),
]


def read(name, mapping_text):
    mapping = read_mapping(mapping_text.encode(), file="mapping.toml")
    octets = (EXPORTS / name).read_bytes()
    found = list(SOURCES[mapping.layout](name, octets, mapping).records())
    bad = [(r.line, r.column, r.omitted) for r in found if isinstance(r, Rejected)]
    good = {r.line: r.values for r in found if not isinstance(r, Rejected)}
    return good, bad


def demo_mapping(name):
    return demo_file(name).decode()


def test_a_student_register_in_cp932():
    text = demo_mapping("gakuseki.toml").replace('trailer = "#END"', "")
    text = text.replace('award_number = { source = "学位記番号" }', "")

    good, bad = read("gakuseki_cp932.csv", text)

    assert bad == [(4, 6, True), (5, 6, True), (6, 7, False)]
    assert good[2]["student_number"] == "0012345"
    assert good[2]["name_kanji"] == ("髙橋", "太郎")
    assert good[2]["name_kana"] == ("タカハシ", "タロウ")
    assert good[2]["graduated_on"] == date(2023, 3, 24)
    assert good[3]["birth_date"] == date(1989, 1, 7)
    assert good[5]["admitted_on"] == date(2019, 9, 21)


def test_grades_in_cp932():
    good, bad = read("seiseki_cp932.csv", demo_mapping("seiseki.toml"))

    assert bad == []
    assert len(good) == 11
    assert good[5]["title"] == "英語(上級)〜会話"
    assert good[5]["recognised_from"] == "外国大学"
    assert good[6]["media"] == "yes"
    assert good[8]["grade"] == "S"
    assert good[12]["credits"].as_tuple().exponent == -1


def test_fixed_width_in_bytes():
    good, bad = read(
        "gakuseki_fixed.dat",
        """
        kind = "persons"
        layout = "fixed"
        line_bytes = 66
        record_type = { detail = "D", trailer = "T" }
        [columns]
        student_number = { start = 2, bytes = 8, width = 7 }
        name_kanji = { start = 10, bytes = 20 }
        name_kana = { start = 30, bytes = 20 }
        admitted_on = { start = 50, bytes = 7 }
        graduated_on = { start = 57, bytes = 7 }
        """,
    )
    assert bad == []
    assert good[2]["name_kanji"] == ("山﨑", "花子")
    assert good[2]["admitted_on"] == date(2019, 4, 1)
    assert good[1]["graduated_on"] == date(2023, 3, 24)


def test_what_a_spreadsheet_has_done():
    good, bad = read(
        "excel_mangled_utf8bom.tsv",
        """
        kind = "persons"
        layout = "tsv"
        encoding = "utf-8-sig"
        [columns]
        student_number = { source = "学籍番号", width = 7 }
        name_kanji = { source = "氏名" }
        birth_date = { source = "生年月日" }
        """,
    )
    assert good == {}
    assert bad == [(2, 1, False), (3, 1, False), (3, 3, True)]


@pytest.mark.parametrize(
    "name", ["gakuseki_cp932.csv", "seiseki_cp932.csv", "excel_mangled_utf8bom.tsv"]
)
def test_a_layout_is_guessed(name):
    guess = guess_mapping((EXPORTS / name).read_bytes(), file=name)
    assert "student_number = " in guess.text


@pytest.mark.parametrize(
    "name",
    [
        "fi-smp-elmo_vastaus_base64_gzipped.txt",
        "fi-smp-elmo_vastaus_base64_gzipped.txt.decoded.xml",
    ],
)
def test_a_signature_of_the_field_is_legacy_and_its_certificate_expired(name):
    found, octets = verify(unpack((ELMO / "wire" / name).read_bytes()), at=AT)

    assert found.result == "legacy algorithm"
    assert "certificate expired on 2018-05-20" in found.remarks
    assert "weak key: RSA with 1024 bits" in found.remarks
    assert b"Signature" not in octets


@pytest.mark.parametrize(
    "name",
    [
        "wire/gateway-sampleElmo.b64",
        "examples/Example-elmo-Sweden-1.0.xml",
        "examples/elmo-1.0-example.xml",
        "examples/elmo-schemas-v1-example.xml",
    ],
)
def test_beautified_documents_do_not_hold(name):
    found = elmo.read((ELMO / name).read_bytes(), file=name, document="d" * 32, at=AT)
    assert (found.verdict.result, found.record) == ("invalid", None)


def test_documents_from_before_the_first_version_are_named():
    for name in ("Example-elmo-Finland.xml", "Example-elmo-Finland-1.0.xml"):
        octets = (ELMO / "examples" / name).read_bytes()
        with pytest.raises(SourceError, match=r"before ELMO 1\.0"):
            elmo.read(octets, file=name, document="d" * 32, at=AT)


def test_an_unsigned_document_is_read():
    octets = (ELMO / "examples" / "fi-ncp-my_elmo.xml").read_bytes()
    record = elmo.read(octets, file="my.xml", document="d" * 32, at=AT).record

    (result,) = record.results
    assert (str(result.credits.value), result.credits.unit) == ("5", "ECTS")
    assert result.title.original_language == "fi"


class _Offline(etree.Resolver):
    """Answers what the schemas import from the files beside them."""

    def resolve(self, url, _public, context):
        name = url.rsplit("/", 1)[-1]
        if name == "schema.xsd":
            name = "ewp-address-v1.0.2.xsd"
        folder = ELMO / "schema"
        for place in (folder / "elmo-v1.6.0" / "references" / name, folder / name):
            if place.exists():
                return self.resolve_string(place.read_bytes(), context)
        space = (
            "https://github.com/erasmus-without-paper/ewp-specs-architecture/"
            "blob/stable-v1/common-types.xsd"
        )
        return self.resolve_string(
            f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" '
            f'targetNamespace="{space}"><xs:simpleType name="CountryCode">'
            '<xs:restriction base="xs:string"/></xs:simpleType></xs:schema>',
            context,
        )


def test_what_we_write_is_valid_elmo_1_6():
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Offline())
    text = (ELMO / "schema" / "elmo-v1.6.0" / "schema.xsd").read_bytes()
    schema = etree.XMLSchema(etree.fromstring(text, parser))
    catalogue = read_catalogue(demo_file("catalogue-b.csv"), file="catalogue-b.csv")

    schema.assertValid(etree.fromstring(make(catalogue, at=AT).octets))
