import re

import pytest
from aiohttp import FormData

from node.store import documents, learners, listing
from node.store import peers as peer_store
from protocol.identity.dids import Did
from tests.node.portal_fixtures import (  # noqa: F401 - fixtures
    client,
    populated,
    world,
)
from tests.node.portal_world import AUTHORITY, UNIVERSITY, a_graduate, add_learner
from tests.node.visitor import logged_in

REGISTER = """学籍番号,氏名,氏名英字,生年月日,課程,学部,学科,学籍,入学,卒業
0000001,見本　愛子,MIHON AIKO,H15.5.14,INF,工学部,情報,卒業,R4.4.1,R8.3.24
0000003,例示　次郎,,昭和64年13月8日,INF,工学部,情報,在学,R5.4.1,
""".encode("cp932")
MAPPING = """
kind = "persons"
[columns]
student_number = { source = "学籍番号", width = 7 }
name_kanji = { source = "氏名" }
name_latin = { source = "氏名英字" }
birth_date = { source = "生年月日" }
programme = { source = "課程" }
faculty = { source = "学部" }
department = { source = "学科" }
status = { source = "学籍" }
admitted_on = { source = "入学" }
graduated_on = { source = "卒業" }
awarded_on = { source = "卒業" }
""".encode()


@pytest.fixture
async def registrar(client, world):  # noqa: F811
    return await logged_in(client, world, "registrar")


def upload(*files: tuple[str, bytes], **fields: str) -> FormData:
    form = FormData()
    for name, value in fields.items():
        form.add_field(name, value)
    for name, content in files:
        form.add_field("file", content, filename=name)
    return form


async def test_the_overview_counts(registrar):
    words = (await registrar.get("/registrar")).words

    assert "2 learners" in words
    assert "6 credentials in force" in words


async def test_a_dry_run_tells_all_and_changes_nothing(registrar, world):  # noqa: F811
    before = await world.store.read(learners.learner_ids)
    files = upload(("register.csv", REGISTER), ("m.toml", MAPPING), mode="dry")

    answer = await registrar.post("/registrar/import", form=files)

    assert answer.status == 200
    assert "Dry run" in answer.words
    assert "2 rows read" in answer.words
    assert "register.csv" in answer.words
    assert "4 生年月日 there is no day 1989-13-08" in answer.words
    assert await world.store.read(learners.learner_ids) == before
    assert (await world.store.read(listing.counts))["quarantined"] == 0


async def test_an_import_keeps_the_good_and_sets_the_rest_aside(registrar):
    files = upload(("register.csv", REGISTER), ("m.toml", MAPPING), mode="real")

    answer = await registrar.post("/registrar/import", form=files)

    assert "Import report" in answer.words
    assert "4 learners" in (await registrar.get("/registrar")).words
    set_aside = (await registrar.get("/registrar/quarantine")).words
    assert "register.csv" in set_aside
    assert "1 rows in all" in set_aside
    home = await registrar.get("/registrar")
    (run,) = re.findall(r"/registrar/runs/(\w+)", home.text)
    assert "rows read" in (await registrar.get(f"/registrar/runs/{run}")).words


async def test_an_unknown_export_gets_a_mapping_to_start_from(registrar):
    files = upload(("mine.csv", REGISTER), mode="real")

    answer = await registrar.post("/registrar/import", form=files)

    assert answer.status == 422
    assert "no mapping fits this file" in answer.words
    assert "[columns]" in answer.words


async def test_mappings_of_the_operator_are_used(registrar, world):  # noqa: F811
    folder = world.context.settings.path("mappings")
    folder.mkdir()
    (folder / "register.toml").write_bytes(MAPPING)

    answer = await registrar.post(
        "/registrar/import", form=upload(("a.csv", REGISTER), mode="dry")
    )

    assert "2 rows read" in answer.words


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.csv", b"\x00\x01\x02", "auto"),
        ("a.toml", b"institution = 1", "auto"),
        ("a.toml", b"[columns\n", "auto"),
        ("a.xml", b"<elmo", "auto"),
        ("a.xml", b"<!DOCTYPE a []><elmo/>", "elmo"),
        ("a.bin", b"x = ", "catalogue"),
    ],
)
async def test_an_unreadable_file_is_named(registrar, world, name, content, kind):  # noqa: F811
    form = upload((name, content), mode="real", kind=kind)

    answer = await registrar.post("/registrar/import", form=form)

    assert answer.status == 422
    assert "Nothing was stored" in answer.words
    assert not await world.store.read(documents.documents)


async def test_no_file_is_no_import(registrar):
    answer = await registrar.post("/registrar/import", form=upload(mode="real"))

    assert answer.status == 422
    assert "Choose at least one file" in answer.words


@pytest.mark.parametrize(
    "text", ["0022001", "００２２００１", "見本 愛", "mihon a", "AikoM"]
)
async def test_a_learner_is_found_by_number_or_name(registrar, world, text):  # noqa: F811
    answer = await registrar.get(f"/registrar/learners?q={text}&reason=question")

    assert world.ids["aiko"] in answer.text
    assert "reason=question" in answer.text


async def test_nobody_is_found_by_half_a_number(registrar, world):  # noqa: F811
    answer = await registrar.get("/registrar/learners?q=00220")

    assert "Nobody fits" in answer.words


async def test_a_look_at_a_learner_is_noted_with_its_reason(registrar, world):  # noqa: F811
    await registrar.get(f"/registrar/learners/{world.ids['aiko']}?reason=audit")

    (line, *_) = [
        row
        for row in await world.store.read(
            listing.access_log, learner_id=world.ids["aiko"]
        )
        if row["kind"] == "view"
    ]
    assert (line["who"], line["role"], line["detail"]) == (
        "registrar",
        "registrar",
        "audit",
    )


async def test_a_learner_who_is_not_there_is_not_logged(registrar):
    assert (await registrar.get("/registrar/learners/" + "0" * 32)).status == 404


async def test_a_login_link_is_shown_once_and_mailed(
    registrar,
    client,  # noqa: F811
    world,  # noqa: F811
):
    path = f"/registrar/learners/{world.ids['aiko']}/invite"

    answer = await registrar.post(
        path, [("email", "new@uni-a.test"), ("language", "ja")]
    )

    link = re.search(r'id="invitation">([^<]+)<', answer.text)
    assert link
    assert link[1].startswith(world.context.settings.portal_origin + "/login/")
    lines = await world.store.read(listing.access_log, learner_id=world.ids["aiko"])
    assert "invite" in {line["kind"] for line in lines}
    page = await registrar.get(f"/registrar/learners/{world.ids['aiko']}")
    assert "the address on file" in page.words


async def test_a_learner_without_address_is_not_invited(registrar, world):  # noqa: F811
    await world.store.write(
        add_learner, world, "hanako", a_graduate("0022003", "見本", "花子")
    )
    path = f"/registrar/learners/{world.ids['hanako']}/invite"

    assert (await registrar.post(path, [("email", "")])).status == 404
    answer = await registrar.post(path, [("email", "hanako@uni-a.test")])
    assert answer.status == 200


async def test_documents_are_issued_to_one_learner(registrar, world):  # noqa: F811
    path = f"/registrar/learners/{world.ids['aiko']}/issue"
    fields = [("kind", "credit-certificate"), ("kind", "enrolment-certificate")]
    fields += [("language", "en"), ("language", "ja")]

    answer = await registrar.post(path, fields)

    assert "2 issued" in answer.words
    assert "Certificate of enrolment" in answer.words
    again = await registrar.post(path, fields[:1] + fields[2:])
    assert "2 unchanged" in again.words


async def test_a_credential_is_revoked_for_a_reason(registrar, world):  # noqa: F811
    path = f"/registrar/credentials/{world.ids['aiko.transcript']}"
    fields = [("action", "revoke"), ("why", "issued-in-error")]

    answer = await registrar.post(path, fields)

    page = await registrar.get(answer.location)
    assert "Revoked. The status list is published anew" in page.words
    assert "issued in error" in page.words
    assert (await registrar.post(path, fields)).status == 409


async def test_a_credential_is_issued_anew(registrar, world):  # noqa: F811
    path = f"/registrar/credentials/{world.ids['aiko.transcript']}"

    answer = await registrar.post(
        path, [("action", "reissue"), ("why", "record-corrected")]
    )

    page = await registrar.get(answer.location)
    assert "Issued anew" in page.words
    assert "version 2" in page.words


@pytest.mark.parametrize(
    "fields",
    [
        [("action", "shred"), ("why", "issued-in-error")],
        [("action", "revoke"), ("why", "because")],
    ],
)
async def test_a_revocation_has_a_known_reason(registrar, world, fields):  # noqa: F811
    path = f"/registrar/credentials/{world.ids['aiko.transcript']}"

    assert (await registrar.post(path, fields)).status == 404


async def test_many_are_issued_to_with_a_page_that_tells(registrar, world):  # noqa: F811
    await world.store.write(
        add_learner, world, "hanako", a_graduate("0022003", "見本", "花子")
    )
    query = "list=yes&kind=transcript&kind=enrolment-certificate&language=en"
    listed = await registrar.get(f"/registrar/issue?{query}&graduated=2026-03-24")
    assert "Ready: 3" in listed.words
    assert "Certificate of enrolment" in listed.words
    fields = [("kind", "transcript"), ("language", "en"), ("graduated", "2026-03-24")]

    begun = await registrar.post("/registrar/issue", fields)

    page = await registrar.get(begun.location)
    while "http-equiv" in page.text:
        page = await registrar.get(begun.location)
    assert "3 of 3 learners" in page.words
    assert "Issued: 1. Already there: 2." in page.words


async def test_a_failure_for_one_learner_does_not_stop_the_others(
    registrar,
    monkeypatch,
    caplog,
    world,  # noqa: F811
):
    from node.services import issuing  # noqa: PLC0415

    issue = issuing.issue

    def fail_for_taro(connection, *, learner_id, **rest):
        if learner_id == world.ids["taro"]:
            raise OSError("disk")
        return issue(connection, learner_id=learner_id, **rest)

    monkeypatch.setattr(issuing, "issue", fail_for_taro)
    begun = await registrar.post("/registrar/issue", [("kind", "transcript")])

    page = await registrar.get(begun.location)
    while "http-equiv" in page.text:
        page = await registrar.get(begun.location)

    assert "Failed for 1 learners" in page.words
    assert "Already there: 1" in page.words


async def test_a_partner_that_waits_is_accepted_for_some_purposes(
    client,  # noqa: F811
    world,  # noqa: F811
):
    operator = await logged_in(client, world, "operator")
    did = Did("did:web:employer.test")
    await world.store.write(_introduce, did)
    assert "waiting for a decision" in (await operator.get("/registrar/peers")).words
    path = "/registrar/peers/did%3Aweb%3Aemployer.test"
    fields = [("decision", "accepted"), ("purpose", "employment"), ("reason", "known")]

    answer = await operator.post(path, fields)

    assert answer.status == 303
    assert "Decided" in (await operator.get(answer.location)).words
    peer = await world.store.read(peer_store.peer, id=str(did))
    assert (peer.state, peer.purposes) == ("trusted", ["employment"])


def _introduce(connection, did):
    peer_store.add_peer(
        connection,
        id=str(did),
        did=did,
        name={"legal_name": "Employer", "country": "JP"},
        state="pending",
        roles=[],
        purposes=[],
        max_in_flight=16,
        at=0,
    )


async def test_a_trusted_partner_is_suspended(registrar, world):  # noqa: F811
    path = f"/registrar/peers/{AUTHORITY.scid}"

    await registrar.post(path, [("decision", "suspended"), ("reason", "late")])

    peer = await world.store.read(peer_store.peer, id=AUTHORITY.scid)
    assert peer.state == "suspended"
    assert (await registrar.post(path, [("decision", "praised")])).status == 404


async def test_the_audit_log_shows_leaves_and_no_contents(registrar, world):  # noqa: F811
    words = (await registrar.get("/registrar/audit")).words

    assert "Credential issued" in words
    assert "MIHON" not in words
    assert UNIVERSITY not in words


@pytest.mark.parametrize("offset", ["0", "50", "-1", "x", "99999999999999999999"])
async def test_any_offset_is_a_page(registrar, offset):
    assert (await registrar.get(f"/registrar/audit?offset={offset}")).status == 200
    answer = await registrar.get(f"/registrar/quarantine?offset={offset}")
    assert answer.status == 200
