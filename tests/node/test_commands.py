"""Commands as a careless user types them: what is said, and the exit status."""

import json

import pytest

from node.cli import health
from node.cli.parser import invoke
from node.config import config_folder
from node.jurisdictions import covers, packs
from node.settings import load

COUNTRY = ("--country", "JP")
DOMAIN = ("--domain", "registry.uni-a.example", "--country", "JP")


async def lrx(capsys, *words):
    status = await invoke([str(word) for word in words])
    return status, capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "at least --domain and --country"),
        (("--domain", "uni-a.example"), "at least --domain and --country"),
        ((*COUNTRY, "--domain", "localhost"), "'localhost' is no domain"),
        ((*COUNTRY, "--domain", "not a domain"), "'not a domain' is no domain"),
        ((*DOMAIN, "--country", "UK"), "GB is meant"),
        ((*DOMAIN, "--country", "Japan"), "country"),
        ((*DOMAIN, "--roles", "king"), "roles.0"),
    ],
)
async def test_a_node_that_cannot_be_leaves_nothing_behind(
    tmp_path, capsys, words, says
):
    home = tmp_path / "home"

    status, told = await lrx(capsys, "init", home, *words)

    assert (status, told.out) == (2, "")
    assert says in told.err
    assert not home.exists() or not list(home.iterdir())


async def test_a_new_node_is_there_and_is_not_made_twice(tmp_path, capsys):
    home = tmp_path / "home"
    first, told = await lrx(capsys, "init", home, *DOMAIN)
    assert first == 0
    assert "Your DID is did:webvh:" in told.out
    assert {"nginx.conf", "lrx.service"} <= {f.name for f in home.iterdir()}

    status, told = await lrx(capsys, "init", home, *DOMAIN)

    assert status == 2
    assert "already holds a node" in told.err


async def test_what_is_not_there_is_named(tmp_path, capsys):
    home = tmp_path / "home"
    await lrx(capsys, "init", home, *DOMAIN)

    for words, says in (
        (("consent", "list", "0099"), "0 learners have the student number 0099"),
        (("consent", "show", "x"), "there is no consent x"),
        (("ready",), "does not answer"),
        (("import", "no.csv"), "no.csv: No such file"),
    ):
        status, told = await lrx(capsys, "--config", home, *words)

        assert status in {1, 2}
        assert says in told.err


async def test_settings_that_cannot_be_read_are_one_line(tmp_path, capsys):
    (tmp_path / "node.toml").write_text("did =")
    (tmp_path / "file").write_text("{}")
    words = ("verify", "--data", tmp_path, tmp_path / "file")
    status, told = await lrx(capsys, *words)

    assert (status, told.out) == (2, "")
    assert "node.toml: not TOML" in told.err
    assert told.err.count("\n") == 1


def checks(home):
    return {one.name: one for one in _examined(load(home / "node.toml"))}


def _examined(settings):
    return [health._law(settings)]  # noqa: SLF001


@pytest.mark.parametrize(
    ("country", "regimes", "packs"),
    [
        ("JP", ("JP-APPI",), "JP-APPI/2026-1"),
        ("NL", ("EU-GDPR",), "EU-GDPR/2026-1"),
        ("NO", ("EU-GDPR",), "EU-GDPR-RECEIVING/2026-1"),
    ],
)
async def test_the_law_follows_from_the_country(
    tmp_path, capsys, country, regimes, packs
):
    home = tmp_path / "home"
    status, told = await lrx(capsys, "init", home, *DOMAIN, "--country", country)
    assert status == 0
    assert packs in told.out
    assert load(home / "node.toml").privacy.regimes == regimes
    assert checks(home)["law"].state == "ok"


@pytest.mark.parametrize("country", ["US", "GB", "CH"])
async def test_where_no_law_is_known_it_is_said(tmp_path, capsys, country):
    home = tmp_path / "home"
    status, told = await lrx(capsys, "init", home, *DOMAIN, "--country", country)
    assert status == 1
    assert f"no law pack for {country}" in told.out
    assert load(home / "node.toml").privacy.regimes == ()
    check = checks(home)["law"]
    assert check.state == "fail"
    assert "sender, recipient" in check.found

    folder = home / "jurisdictions"
    folder.mkdir()
    for end in ("sender", "recipient"):
        model = json.loads(
            (config_folder() / "jurisdictions" / f"jp-appi-{end}.json").read_text()
        )
        made = model | {"id": f"OWN-{end}/1", "jurisdictions": [country]}
        (folder / f"{end}.json").write_text(json.dumps(made))
    packs.cache_clear()
    assert checks(home)["law"].found == "OWN-recipient/1, OWN-sender/1"
    assert covers("sender", country, folder)
    assert not covers("sender", country)


async def test_a_pack_that_cannot_be_read_stops_the_node(tmp_path, capsys):
    home = tmp_path / "home"
    await lrx(capsys, "init", home, *DOMAIN)
    (home / "jurisdictions").mkdir()
    (home / "jurisdictions" / "own.json").write_text('{"id": "X/1"}')
    assert checks(home)["law"].state == "fail"
    status, told = await lrx(capsys, "--config", home, "serve")
    assert status == 3
    assert "own.json: end: Field required" in told.err
