import copy
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from protocol.errors import (
    ExpiredError,
    MalformedValueError,
    MessageSchemaError,
    ProtocolError,
    SizeError,
    UnsupportedMessageError,
)
from protocol.exchange import messages
from protocol.exchange.envelope import message_digest
from protocol.exchange.messages import (
    BLOCK,
    MAXIMUM_INLINE_BYTES,
    TYPES,
    PeerSync,
    RecordDeliver,
    RecordQuery,
    RecordStatus,
    attach,
    compose,
    new_id,
    parse,
    policy_digest,
    short_name,
    type_uri,
)
from protocol.identity.dids import Did

FILE = Path(__file__).parents[2] / "protocol" / "vectors" / "messages.json"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
EXAMPLES = {vector["name"]: vector for vector in VECTORS["messages"]}
SCHEMA = VECTORS["header_schema"]
QUERY = EXAMPLES["record/query"]["message"]
DELIVER = EXAMPLES["record/deliver"]["message"]
US = Did.parse(VECTORS["receiver"])
THEM = Did.parse(QUERY["from"])
AT = datetime(2026, 11, 24, tzinfo=UTC)
ID = "01a15d7968007a8b8771920b8319e472"
DAY = timedelta(days=1)


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def padded(message):
    """Pad a message as section 5 says, whatever else is wrong with it."""
    message = copy.deepcopy(message)
    if isinstance(message.get("body"), dict) and "pad" not in message["body"]:
        message["body"]["pad"] = ""
        message["body"]["pad"] = "0" * (-len(compact(message)) % BLOCK)
    octets = compact(message)
    return octets + b" " * (-len(octets) % BLOCK)


def read(message, now=None):
    to, created = message["to"], message["created_time"]
    return parse(padded(message), receiver=to, now=created if now is None else now)


def changed(message, **members):
    message = copy.deepcopy(message) | members
    return {name: value for name, value in message.items() if value is not ...}


def say(body, type_="record/status", **more):
    known = {"id": ID, "from_": THEM, "to": US, "at": AT, "expires": AT + DAY}
    return compose(type_, body=body, **known | more)


CLOSED = RecordStatus(state="closed", outcome="unavailable")

# The examples


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_read(name):
    vector = EXAMPLES[name]
    octets = padded(vector["message"])

    message = read(vector["message"])

    assert len(octets) == vector["length"]
    assert message_digest(octets) == vector["message_digest"]
    assert message.kind == name.split(" ")[0]
    assert type(message.body) is TYPES[message.kind]
    assert message.thread == vector["message"].get("thid", message.id)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_written_as_it_was_read(name):
    header = EXAMPLES[name]["message"]
    message = read(header)
    moments = [
        datetime.fromtimestamp(header[member], UTC)
        for member in ("created_time", "expires_time")
    ]

    octets = compose(
        message.kind,
        id=message.id,
        from_=message.from_,
        to=message.to[0],
        body=message.body,
        at=moments[0],
        expires=moments[1],
        thid=message.thid,
        pthid=message.pthid,
        attachments=message.attachments,
    )

    written = json.loads(octets)
    del written["body"]["pad"]
    assert written == header


def test_every_type_has_an_example():
    assert {name.split(" ")[0] for name in EXAMPLES} == set(TYPES)


def test_digests_in_the_examples_are_those_of_the_octets():
    receipt = EXAMPLES["record/receipt"]["message"]["body"]
    deliver = read(DELIVER)

    item = deliver.body.items[0]
    attached = deliver.attachment(item.attachment).octets()

    assert message_digest(padded(DELIVER)) == receipt["message_digest"]
    assert message_digest(attached) == item.digest
    assert policy_digest(deliver.body.policy) == deliver.body.release.policy_digest


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda v: v["name"])
def test_a_refused_vector_is_refused_with_its_code(vector):
    with pytest.raises(ProtocolError) as refusal:
        parse(vector["octets"].encode(), receiver={US}, now=VECTORS["now"])
    assert refusal.value.code == vector["code"]


# The schema of section 5 and the parser


def fits(schema, value):
    """Tell whether `value` fits `schema`: the part of JSON Schema the header uses."""
    kinds = {"object": dict, "array": list, "string": str, "integer": int}
    kind = schema.get("type")
    if kind and (not isinstance(value, kinds[kind]) or isinstance(value, bool)):
        return False
    checks = {
        "const": lambda const: value == const,
        "pattern": lambda pattern: re.search(pattern[:-1] + r"\Z", value),
        "minimum": lambda least: value >= least,
        "minItems": lambda least: len(value) >= least,
        "maxItems": lambda most: len(value) <= most,
        "items": lambda inner: all(fits(inner, one) for one in value),
        "required": lambda names: set(names) <= set(value),
        "additionalProperties": lambda _: set(value) <= set(schema["properties"]),
        "properties": lambda known: all(
            fits(known[name], value[name]) for name in known if name in value
        ),
    }
    ignored = {"$schema", "type"}
    return all(checks[name](schema[name]) for name in schema if name not in ignored)


NOT_A_DID = ["did:web", "DID:web:uni-a.example", "did:Web:uni-a.example", "", "x", 1]
REPLACEMENTS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2**53 - 1),
    st.text(max_size=8),
    st.just({}),
    st.just([]),
    st.lists(st.sampled_from(NOT_A_DID), max_size=2),
    st.sampled_from(NOT_A_DID),
    st.sampled_from([ID, ID.upper(), ID[:-1], ID + "0", ID + "\n", " " + ID]),
    st.sampled_from(
        ["https://lrx.example/record/1.0/query ", "http://lrx.example/record/1.0/query"]
    ),
    st.builds(lambda n: {"pad": "0" * n}, st.sampled_from([0, 1023, 1024])),
    st.just({"pad": "1"}),
    st.just({"pad": 0}),
    st.just([{"id": "a", "media_type": "text/plain", "data": {"base64": ""}}]),
    st.just([{"id": "a", "media_type": "text/plain"}]),
    st.just([{"id": "a", "media_type": "text/plain", "data": {"base64": ""}}] * 65),
)


def read_by_parser(message):
    """Tell whether the header is read; body and times are not what is asked."""
    try:
        parse(padded(message), receiver={US}, now=QUERY["created_time"])
    except (UnsupportedMessageError, ExpiredError):
        return True
    except MessageSchemaError as error:
        text = str(error)
        return text.startswith(("created_time lies", "expires_time is", "to is not"))
    except MalformedValueError:
        return False
    return True


@settings(max_examples=600)
@given(
    st.sampled_from(["removed", "replaced", "added"]),
    st.sampled_from([*SCHEMA["properties"], "next", "Id", "from_"]),
    REPLACEMENTS,
)
def test_schema_and_parser_agree_about_the_header(change, member, value):
    message = changed(QUERY, **{member: ... if change == "removed" else value})
    if change == "added":
        message = changed(QUERY, **{f"{member}x": value})
    # What a body must hold beyond `pad` is said by the type, not by the header.
    assume(not (member == "body" and fits(SCHEMA, message)))
    pad_only_once = isinstance(message.get("body"), dict)
    if pad_only_once and "pad" not in message["body"]:
        message = json.loads(padded(message))

    assert read_by_parser(message) == fits(SCHEMA, message)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_schema_takes_every_example(name):
    assert fits(SCHEMA, json.loads(padded(EXAMPLES[name]["message"])))


@settings(max_examples=300)
@given(st.data())
def test_a_body_member_that_is_missing_or_of_another_kind_is_refused(data):
    """Whatever is taken away or put in: it is read, or refused as the schema is."""
    message = copy.deepcopy(data.draw(st.sampled_from(list(EXAMPLES.values()))))
    message = message["message"]
    node = message["body"]
    while True:
        key = data.draw(st.sampled_from(sorted(node)))
        inner = node[key]
        if not isinstance(inner, dict) or not inner or data.draw(st.booleans()):
            break
        node = inner
    if data.draw(st.booleans()):
        del node[key]
    else:
        node[key] = data.draw(REPLACEMENTS)
    try:
        again = read(message)
    except (MessageSchemaError, MalformedValueError):
        return
    assert again.kind == short_name(message["type"])


def test_a_refusal_names_the_place_and_not_what_stood_there():
    private = "Tanaka"
    message = copy.deepcopy(QUERY)
    message["body"]["subject"] |= {"birth_date": private, "match": "identifiers"}
    message["body"]["deadline"] = private

    with pytest.raises(MessageSchemaError) as refusal:
        read(message)

    assert "subject" in str(refusal.value)
    assert "deadline" in str(refusal.value)
    assert private not in str(refusal.value)


def test_members_a_minor_version_adds_to_a_body_are_ignored():
    message = copy.deepcopy(QUERY)
    message["body"]["priority"] = "high"
    message["body"]["purpose"]["urgency"] = 1

    assert isinstance(read(message).body, RecordQuery)


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-29",
        "2026-11-29 08:00:00Z",
        "2026-11-29T08:00:00",
        "2026-11-29T08:00Z",
        "1795939200",
        1795939200,
        "2026-13-29T08:00:00Z",
        "２０２６-11-29T08:00:00Z",
    ],
)
def test_a_moment_is_written_as_rfc_3339_with_its_zone(moment):
    message = copy.deepcopy(EXAMPLES["peer/notice"]["message"])
    message["body"]["effective"] = moment
    with pytest.raises(MessageSchemaError):
        read(message)


@pytest.mark.parametrize("day", ["2026-11-29T00:00:00Z", "29.11.2026", 20000, True])
def test_a_day_is_written_as_rfc_3339(day):
    message = copy.deepcopy(EXAMPLES["consent/changed (withdrawal)"]["message"])
    message["body"]["respond_by"] = day
    with pytest.raises(MessageSchemaError):
        read(message)


def test_a_deadline_out_of_range_is_no_matter_of_form():
    message = copy.deepcopy(QUERY)
    message["body"]["deadline"] = message["created_time"] + 60
    assert read(message).body.deadline == message["created_time"] + 60


# Attachments


def delivering(**attachment):
    message = copy.deepcopy(DELIVER)
    message["attachments"][0] |= attachment
    return message


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"base64": "*"},
        {"base64": "YQ=="},
        {"base64": "YR"},
        {"base64": "YQ", "json": {}},
        {"base64": "YQ", "links": []},
        {"base64": 1},
        {"hash": "x"},
    ],
)
def test_an_attachment_has_one_readable_content(data):
    with pytest.raises(MessageSchemaError):
        read(delivering(data=data))


def test_an_item_whose_attachment_is_missing_is_refused():
    with pytest.raises(MessageSchemaError, match="not there"):
        read(delivering(id="a2"))
    with pytest.raises(MessageSchemaError, match="not there"):
        read(changed(EXAMPLES["record/amend"]["message"], attachments=...))
    with pytest.raises(MessageSchemaError, match="not there"):
        read(DELIVER).attachment("a2")


def test_names_within_a_message_are_distinct():
    message = copy.deepcopy(DELIVER)
    message["attachments"] *= 2
    with pytest.raises(MessageSchemaError, match="same id"):
        read(message)

    message = copy.deepcopy(DELIVER)
    message["body"]["items"] *= 2
    with pytest.raises(MessageSchemaError, match="same item_id"):
        read(message)


def test_an_attachment_by_reference_has_no_octets_here():
    message = read(EXAMPLES["record/deliver (large item by reference)"]["message"])
    assert message.attachment("b1").octets() is None


# A25: for another node, too late


def test_a25_a_message_for_another_node_is_refused():
    with pytest.raises(MessageSchemaError, match="to is not this node"):
        parse(padded(QUERY), receiver={THEM}, now=QUERY["created_time"])


def test_a25_a_message_to_a_former_did_of_ours_is_read():
    now = Did.parse("did:web:new.example")
    assert parse(padded(QUERY), receiver={now, US}, now=QUERY["created_time"])


@pytest.mark.parametrize(
    ("created", "expires", "now", "error"),
    [
        (0, 100, 0, None),
        (0, 100, -30, None),
        (0, 100, -31, MessageSchemaError),
        (0, 100, 100, None),
        (0, 100, 101, ExpiredError),
        (0, 45 * 86_400, 0, None),
        (0, 45 * 86_400 + 1, 0, MessageSchemaError),
        (0, -1, 0, ExpiredError),
    ],
)
def test_a25_a_message_is_read_in_its_time_only(created, expires, now, error):
    start = QUERY["created_time"]
    message = changed(QUERY, created_time=start + created, expires_time=start + expires)
    if error is None:
        read(message, now=start + now)
    else:
        with pytest.raises(error):
            read(message, now=start + now)


# A38: large and deep input


def test_a38_inline_items_of_more_than_96_kib_are_refused():
    fits_ = [attach("a", "text/plain", bytes(MAXIMUM_INLINE_BYTES))]
    octets = say(CLOSED, attachments=fits_)
    assert parse(octets, receiver={US}, now=int(AT.timestamp())).attachments

    with pytest.raises(SizeError):
        say(CLOSED, attachments=[*fits_, attach("b", "text/plain", b"x")])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"deadline":1793779200', '"deadline":' + "9" * 100_000),
        ('"deadline":1793779200', '"deadline":1e400'),
        ('"deadline":1793779200', '"deadline":NaN'),
        ('"deadline":1793779200', '"deadline":1793779200,"deadline":1793779200'),
        ('"dcql":{', '"dcql":{"x":' + "[" * 40 + "]" * 40 + ","),
        ('"dcql":{', '"dcql":{"x":' + "[" * 50_000 + "]" * 50_000 + ","),
        ('"Aiko"', '"' + "x" * 65_537 + '"'),
        ('"Aiko"', '"\\ud800"'),
        ('"CASE-2026-00817"', '"' + "あ" * 21_846 + '"'),
    ],
)
def test_a38_large_deep_and_ambiguous_json_is_refused(old, new):
    text = compact(QUERY).decode()
    assert old in text
    octets = text.replace(old, new).encode()
    octets += b" " * (-len(octets) % BLOCK)
    with pytest.raises(MalformedValueError):
        parse(octets, receiver={US}, now=QUERY["created_time"])


def test_a38_invalid_utf_8_is_refused():
    octets = compact(QUERY).replace(b"Aiko", b"\xff")
    octets += b" " * (-len(octets) % BLOCK)
    with pytest.raises(MalformedValueError):
        parse(octets, receiver={US}, now=QUERY["created_time"])


def test_a38_at_most_64_attachments_are_taken():
    many = [attach(str(n), "text/plain", b"x") for n in range(65)]
    assert say(CLOSED, attachments=many[:64])
    with pytest.raises(ValueError, match="attachments"):
        say(CLOSED, attachments=many)


# Composing


@given(st.text(max_size=1500), st.sampled_from(["e.p.item.invalid", "w.m.me.busy"]))
def test_every_message_is_a_multiple_of_1024_and_ends_its_body_with_the_pad(text, code):
    octets = say({"code": code, "comment": text}, type_="report-problem")

    assert len(octets) % BLOCK == 0
    assert list(json.loads(octets)["body"])[-1] == "pad"
    message = parse(octets, receiver={US}, now=int(AT.timestamp()))
    assert message.body.comment == text


@pytest.mark.parametrize(
    ("body", "more"),
    [
        ({"state": "open"}, {}),
        ({"state": "closed", "outcome": "unavailable", "x": float("nan")}, {}),
        (CLOSED, {"id": "1"}),
        (CLOSED, {"expires": AT + 46 * DAY}),
        (CLOSED, {"expires": AT - DAY}),
        (CLOSED, {"thid": "x"}),
    ],
)
def test_what_no_receiver_would_take_is_not_composed(body, more):
    with pytest.raises(ValueError, match=r".+"):
        say(body, **more)


def test_plain_members_are_sent_as_they_are():
    body = DELIVER["body"] | {"note": {"kept": [None, True]}}
    octets = say(
        body, type_="record/deliver", attachments=read(DELIVER).attachments, thid=ID
    )
    assert json.loads(octets)["body"]["note"] == {"kept": [None, True]}


def test_absent_members_are_not_sent_as_null():
    octets = say(PeerSync(since=None, reason=None), type_="peer/sync")
    assert set(json.loads(octets)["body"]) == {"pad"}


def test_null_in_a_path_is_kept():
    query = read(QUERY)
    octets = say(query.body, type_="record/query")
    claims = json.loads(octets)["body"]["dcql"]["credentials"][0]["claims"]
    assert claims[-1]["path"] == ["results", None, "grade"]


def test_the_policy_that_is_sent_has_the_digest_that_is_stated():
    message = read(DELIVER)
    assert isinstance(message.body, RecordDeliver)
    octets = say(message.body, type_="record/deliver", attachments=message.attachments)
    body = json.loads(octets)["body"]
    assert policy_digest(body["policy"]) == body["release"]["policy_digest"]


# Types and ids


@pytest.mark.parametrize("short", TYPES)
def test_a_type_uri_and_its_short_name_belong_together(short):
    assert short_name(type_uri(short)) == short


def test_the_type_uris_are_those_of_the_specification():
    assert type_uri("record/query") == "https://lrx.example/record/1.0/query"
    assert type_uri("report-problem").startswith("https://didcomm.org/")


@pytest.mark.parametrize(
    "uri",
    [
        "https://lrx.example/record/2.0/query",
        "https://lrx.example/record/1.0/Query",
        "https://example.org/record/1.0/query",
        "",
    ],
)
def test_another_type_is_unsupported(uri):
    with pytest.raises(UnsupportedMessageError):
        short_name(uri)


moments = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(moments, st.binary(min_size=10, max_size=16))
def test_an_id_is_a_uuid_of_version_7(at, entropy):
    id_ = new_id(at, entropy)

    assert re.fullmatch("[0-9a-f]{32}", id_)
    assert int(id_[:12], 16) == int(at.timestamp() * 1000)
    assert id_[12] == "7"
    assert id_[16] in "89ab"


@given(moments, moments, st.binary(min_size=10, max_size=10), st.booleans())
def test_the_ids_of_one_sender_increase(one, two, entropy, full):
    first = new_id(one, b"\xff" * 10 if full else entropy)
    second = new_id(two, entropy, after=first)

    assert second > first
    assert (second[12], second[16] in "89ab") == ("7", True)
    if new_id(two, entropy) > first:
        assert second == new_id(two, entropy)


def test_an_id_needs_its_entropy():
    with pytest.raises(ValueError, match="entropy"):
        new_id(AT, b"123456789")


def test_ids_of_one_millisecond_differ():
    assert len({new_id(AT, bytes([n]) * 10) for n in range(256)}) == 256


def test_the_module_offers_what_it_says():
    assert all(hasattr(messages, name) for name in messages.__all__)
