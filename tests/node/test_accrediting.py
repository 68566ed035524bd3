"""Who may accredit where: what a delegation says, and what its holder may state."""

import json

import pytest

from node.cli.parser import invoke
from node.founding import Plan, create_node
from node.settings import load
from protocol.rules import statements

PERIOD = ("--since", "2026-01-01", "--until", "2031-12-31")


def home_of(tmp_path, name):
    plan = Plan(
        f"{name}.example",
        {"en": name},
        "JP",
        ("accreditor",),
        f"mailto:lrx@{name}.example",
        name,
        ("JP-APPI",),
    )
    return create_node(tmp_path / name, plan).parent


@pytest.fixture
def council(tmp_path):
    return home_of(tmp_path, "council")


@pytest.fixture
def agency(tmp_path):
    return home_of(tmp_path, "agency")


async def lrx(home, *words):
    return await invoke(["--config", str(home), *map(str, words)])


def did_of(home):
    return load(home / "node.toml").did


async def delegated(council, agency, *words):
    file = council / "delegation.jwt"
    status = await lrx(
        council,
        *("accredit", "issue", "delegation", did_of(agency), "--legal-name", "Agency"),
        *("--country", "JP", *PERIOD, "--output", file, *words),
    )
    assert status == 0
    return file


@pytest.mark.parametrize(
    ("words", "countries"),
    [
        ((), ("JP",)),
        (("--countries", "JP,nl"), ("JP", "NL")),
        (("--countries", "any"), ()),
    ],
)
async def test_a_delegation_names_its_countries(council, agency, words, countries):
    file = await delegated(council, agency, *words)
    assert statements.read(file.read_bytes()).countries == countries


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("delegation", "--countries", "Japan"), "JAPAN is no country code"),
        (("institution", "--countries", "JP"), "for delegations only"),
    ],
)
async def test_what_makes_no_sense_is_refused(council, agency, capsys, words, says):
    kind, *more = words
    status = await lrx(
        council,
        *("accredit", "issue", kind, did_of(agency), "--legal-name", "Agency"),
        *("--country", "JP", *PERIOD, *more),
    )
    assert status == 2
    assert says in capsys.readouterr().err


async def test_an_accreditor_states_nothing_beyond_its_delegation(
    council, agency, capsys
):
    file = await delegated(council, agency)
    assert await lrx(agency, "accredit", "keep", file) == 0

    async def accredit(country):
        return await lrx(
            agency,
            *("accredit", "issue", "institution", "did:web:uni.example"),
            *("--legal-name", "University", "--country", country, *PERIOD),
        )

    assert await accredit("JP") == 0
    capsys.readouterr()
    assert await accredit("NL") == 3
    assert "is for JP, not NL" in capsys.readouterr().err
    assert await lrx(agency, "accredit", "list", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 1

    # A second delegation for another country adds to the first.
    more = await delegated(council, agency, "--countries", "NL")
    assert await lrx(agency, "accredit", "keep", more) == 0
    assert await accredit("NL") == 0
