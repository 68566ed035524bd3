"""Commands as a careless user types them: what is said, and the exit status."""

import pytest

from node.cli.parser import invoke

DOMAIN = ("--domain", "registry.uni-a.example")


async def lrx(capsys, *words):
    status = await invoke([str(word) for word in words])
    return status, capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "give at least --domain"),
        (("--domain", "localhost"), "'localhost' is no domain"),
        (("--domain", "not a domain"), "'not a domain' is no domain"),
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
