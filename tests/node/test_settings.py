"""Settings: what is wrong is named; nothing unsafe starts."""

import pytest

from node.cli.parser import invoke
from node.founding import FoundingError, Plan, create_node, toml
from node.settings import SettingsError, address, load

PLAN = Plan(
    "uni-a.test",
    {"en": "Sample University", "ja": "見本大学"},
    "JP",
    ("source", "issuer"),
    "mailto:lrx@uni-a.test",
    "Sample University",
    ("JP-APPI",),
    {"test": {"names": {"uni-a.test": "127.0.0.1:8101"}}},
)


@pytest.fixture
def file(tmp_path):
    return create_node(tmp_path / "home", PLAN)


def changed(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    return file


def refused(file):
    with pytest.raises(SettingsError) as error:
        load(file)
    return str(error.value)


def line_of(file, start):
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if line.startswith(start))


def test_a_new_home_can_be_read(file):
    settings = load(file)
    assert settings.authority == "uni-a.test"
    assert settings.endpoint == "https://uni-a.test/lrx/1"
    assert settings.path("keys") == file.parent / "keys"
    assert settings.store_url.endswith("/home/node.db")
    assert settings.name.best("ja") == "見本大学"


def test_a_home_is_not_made_twice(file):
    with pytest.raises(FoundingError, match="already holds a node"):
        create_node(file.parent, PLAN)
    file.unlink()
    with pytest.raises(FoundingError, match="never overwritten"):
        create_node(file.parent, PLAN)


def test_no_file(tmp_path):
    assert "lrx init" in refused(tmp_path / "node.toml")


def test_not_toml_names_the_line(file):
    number = line_of(file, "country")
    changed(file, "country = ", "country : ")
    assert f"line {number}" in refused(file)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('country = "JP"', 'country = "Japan"', "country"),
        ('did = "did:webvh:', 'did = "urn:x:', "did"),
        ('origin = "https://', 'origin = "http://', "origin"),
        ('roles = ["source"', 'roles = ["king"', "roles"),
        ("country = ", "contry = ", "contry"),
        ('jurisdiction" = "JP"', 'jurisdiction" = "J"', "privacy.jurisdiction"),
        ('"127.0.0.1:8101"', '"127.0.0.1"', "test"),
        ('"uni-a.test" = "127', '"uni-a.example" = "127', "test"),
    ],
)
def test_a_wrong_member_is_named_with_its_line(file, old, new, where):
    changed(file, old, new)
    said = refused(file)
    number = line_of(file, where.partition(".")[0])
    assert where in said
    assert f"{file}:{number}:" in said
    # What stood there may be a secret put in the wrong place.
    assert "king" not in said.partition("Input should be")[0]


def test_a_missing_member_is_named(file):
    changed(file, "contact = ", "# contact = ")
    assert "contact" in refused(file)


def test_certificate_and_key_go_together(file):
    file.write_text(file.read_text() + 'tls_key = "tls.key"\n')
    assert "go together" in refused(file)


def test_a_production_anchor_beside_test_names(file):
    anchor = "did:webvh:QmNvT6yHb2kPqWc9sXrJf4LdGzUmA8oEi3R7tYwBxK5VnC:council.example"
    file.write_text(file.read_text() + f'trust_anchors = ["{anchor}"]\n')
    assert "not under .test" in refused(file)


async def test_a_node_with_wrong_settings_does_not_start(file, capsys):
    changed(file, 'country = "JP"', 'country = "Japan"')
    assert await invoke(["--config", str(file), "serve"]) == 2
    assert "country" in capsys.readouterr().err


def test_the_environment_overrides(file, monkeypatch):
    monkeypatch.setenv("NODE_LISTEN", "127.0.0.1:9999")
    monkeypatch.setenv("NODE_COUNTRY", "NL")
    monkeypatch.setenv("NODE_PRIVACY__RETENTION_DAYS", "30")
    settings = load(file)
    assert settings.listen == "127.0.0.1:9999"
    assert settings.country == "NL"
    assert settings.privacy.retention_days == 30
    assert settings.privacy.jurisdiction == "JP"
    assert address(settings.listen) == ("127.0.0.1", 9999)


def test_toml_values():
    assert toml({"a": [True, 1, 'x"\n']}) == '{"a" = [true, 1, "x\\"\\n"]}'
