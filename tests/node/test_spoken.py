"""Whatever a command says is there in Japanese, also what was worded deep inside."""

import re
import tomllib
from importlib.resources import files

import pytest
from said_texts import ROOT, said

from node.cli.parser import invoke
from node.texts.spoken import japanese, templates
from protocol import errors

TABLES = tomllib.loads(
    files("node.texts").joinpath("spoken.ja.toml").read_text("utf-8")
)
KNOWN = {english: said for table in TABLES.values() for english, said in table.items()}
DEEP = (
    *("node/settings", "node/identity", "node/rotation", "node/founding"),
    *("node/jurisdictions", "node/store/engine", "node/store/peers"),
    *("node/store/credentials", "node/services/issuing", "node/services/importing"),
    *("node/services/inviting", "node/services/peering", "node/services/accrediting"),
    *("node/services/requesting", "node/services/proving", "node/services/gathering"),
    *("node/services/consenting", "adapters/rows", "adapters/catalogue"),
    *("adapters/japanese", "adapters/mapping", "adapters/delimited"),
    *("adapters/fixed_width", "adapters/baked", "adapters/elmo"),
    *("adapters/elmo_signature", "protocol/identity/dids", "protocol/identity/places"),
)
NAMES = {
    *("keys", "database", "trust", "disk", "mail", "python", "didkit", "warn", "fail"),
    *("programme", "passed", "code"),
}
"""Not for people: names of checks, states, fields and members."""


@pytest.mark.parametrize(
    "file",
    [*sorted((ROOT / "node/cli").glob("*.py")), *(ROOT / f"{m}.py" for m in DEEP)],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_whatever_is_said_in_english_has_a_japanese_sibling(file):
    assert [one for one in said(file) if one not in KNOWN and one not in NAMES] == []


def test_the_titles_of_errors_are_there():
    titles = {
        one.title
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.ProtocolError)
    }
    assert titles - KNOWN.keys() == set()


def test_both_languages_take_the_same_values():
    numbers = re.compile(r"\{\d+\}")
    for english, said_ in KNOWN.items():
        assert sorted(numbers.findall(english)) == sorted(numbers.findall(said_)), (
            english
        )
        assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff、。：（）→]", said_), english


def test_an_english_text_stands_once():
    assert sum(map(len, TABLES.values())) == len(KNOWN) == len(templates())


@pytest.mark.parametrize(
    ("english", "said_"),
    [
        ("no such peer", "その相手は登録されていません"),
        ("  no such peer", "  その相手は登録されていません"),
        (
            "node.toml:3: country: Field required",
            "node.toml:3：country：必要な項目がありません",
        ),
        (
            "a.csv: the heading must be x. Nothing was stored.",
            "a.csv: the heading must be x。何も保存していません。",
        ),
        (
            "a.csv: there are no rows. Nothing was stored.",
            "a.csv：行がありません。何も保存していません。",
        ),
        ("one\nno such peer", "one\nその相手は登録されていません"),
        # What nobody translated, and data, stays as it is.
        ("something else: entirely", "something else: entirely"),
        ("did:web:uni-a.example", "did:web:uni-a.example"),
        ("", ""),
    ],
)
def test_a_text_is_found_by_its_template(english, said_):
    assert japanese(english) == said_


def test_a_reason_is_translated_with_the_reasons_in_it():
    said_ = japanese(
        "the InstitutionAccreditationCredential of did:web:a.example covers 2026-03-24 "
        "(2025-03-24 to 2032-03-31); judged on 2026-03-24, from as asked"
    )
    assert "did:web:a.example の InstitutionAccreditationCredential は" in said_
    assert "2025-03-24 から 2032-03-31 まで" in said_
    assert said_.endswith("出典は 指定のとおり")
    said_ = japanese(
        "missing: status_now: the status list https://a.example/s/1 could not be "
        "obtained: https://a.example/s/1 could not be reached"
    )
    assert said_.startswith(
        "足りないもの：status_now：状態リスト https://a.example/s/1 を"
    )
    assert said_.endswith("https://a.example/s/1 に接続できません")


BROKEN = [
    ("nope",),
    ("init",),
    ("init", "{home}", "--domain", "x", "--country", "JP"),
    ("init", "{home}", "--domain", "a.example", "--country", "UK"),
    ("verify", "/no/such/file"),
    ("--config", "{empty}", "doctor"),
    ("--config", "{node}", "keys", "rotate", "king"),
    ("--config", "{node}", "keys", "rotate", "log"),
    ("--config", "{node}", "consent", "show", "x"),
    ("--config", "{node}", "consent", "list", "0099"),
    ("--config", "{node}", "import", "no.csv"),
    ("--config", "{node}", "import"),
    ("--config", "{node}", "import", "{bad}"),
    ("--config", "{node}", "peers", "introduce", "x"),
    ("--config", "{node}", "peers"),
    ("--config", "{node}", "evidence", "export", "a", "--output", "/x.zip"),
    ("--config", "{node}", "issue", "--learner", "1", "--kind", "transcript"),
    ("--config", "{node}", "issue", "--learner", "1", "--kind", "x"),
    ("--config", "{node}", "revoke", "x", "--reason", "y"),
    ("--config", "{node}", "invite", "--learner", "1"),
    ("--config", "{node}", "accredit", "revoke", "x"),
    ("--config", "{node}", "ready"),
    ("--config", "{broken}", "serve"),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A node, a settings file that cannot be used, an export that is cut short."""
    from node.founding import Plan, create_node  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("ja")
    plan = Plan(
        "uni-a.example",
        {"en": "A"},
        "JP",
        ("source",),
        "mailto:lrx@uni-a.example",
        "A",
        ("JP-APPI",),
    )
    create_node(folder / "node", plan)
    (folder / "broken.toml").write_text('did = "x"\n')
    (folder / "bad.csv").write_text("")
    return {
        "home": folder / "new",
        "empty": folder / "empty",
        "node": folder / "node",
        "broken": folder / "broken.toml",
        "bad": folder / "bad.csv",
    }


@pytest.mark.slow
@pytest.mark.parametrize("words", BROKEN, ids=" ".join)
async def test_refusals_are_in_japanese(words, places, monkeypatch, capsys):
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    try:
        status = await invoke([word.format(**places) for word in words])
    except SystemExit as end:
        status = end.code
    said_ = capsys.readouterr()
    assert status != 0
    assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", said_.err + said_.out), said_
    left = re.sub(r"`[^`]*`|--[\w-]+|/\S+|[\w.]+\.(toml|json|csv)", "", said_.err)
    assert not re.search(r"\b(the|is|not|of|no|and)\b", left), said_.err


async def test_good_commands_speak_japanese_too(places, monkeypatch, capsys):
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    for words in (("keys",), ("doctor",), ("audit", "verify"), ("migrate",)):
        await invoke(["--config", str(places["node"]), *words])
        said_ = capsys.readouterr()
        assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", said_.out), words
    with pytest.raises(SystemExit):
        await invoke(["keys", "--help"])
    said_ = capsys.readouterr().out
    assert "使い方：" in said_
    assert "オプション" in said_
    assert "show this help" not in said_


def test_why_a_part_is_refused_is_translated():
    assert japanese(
        "the bbs-2023 proof does not hold: a label map of 2 names for 3 blank nodes"
    ) == ("bbs-2023 の証明は成り立ちません：空白ノード 3 個に対し、名前が 2 個あります")
    assert "指す先には何も" in japanese("the JSON Pointer /name points to nothing")


@pytest.mark.parametrize(
    ("english", "said_"),
    [
        ("the issuer has revoked it: error", "発行者が失効させました：error"),
        (
            "a status of the type X, which this node cannot read",
            "種類 X の状態（このノードには読めません）",
        ),
        (
            (
                "sealed by VATJP-1, says CN=CA; no trusted list that would vouch for "
                "the certificate is known here"
            ),
            (
                "CN=CA によれば VATJP-1 のシールです。電子証明書を保証する"
                "トラステッドリストは、ここでは知られていません"
            ),
        ),
        (
            "the document at https://a.example/b has not been obtained",
            "https://a.example/b の文書を取得していません",
        ),
    ],
)
def test_reasons_about_status_seals_and_badges_are_translated(english, said_):
    assert japanese(english) == said_


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("it was said to be so, of all things", "it was said to be so, of all things"),
        ("2024-01-01 to 2025-01-01", "2024-01-01 から 2025-01-01 まで"),
        (
            "grades.csv, line 3, column 7: mark: no learner has this student number",
            "grades.csv の 3 行目、7 列目：mark：この学籍番号の学習者はいません",
        ),
        (
            "a document that is not UTF-8; b: a document that is not UTF-8",
            "UTF-8 でない文書です; b：UTF-8 でない文書です",
        ),
    ],
)
def test_a_text_nobody_knows_is_not_mixed_with_japanese(english, said):
    assert japanese(english) == said
