"""The description of the interface and the routes say the same, both ways."""

import json
import re
from http import HTTPStatus

import pytest

from node.web import peer_api, public, vc_api
from node.web.openapi import DOCUMENT, OPENAPI
from node.web.problems import _STATUS, PROBLEM_TYPE, problem
from protocol import errors
from protocol.errors import ProtocolError

TABLE = {
    "e.m.msg.malformed": 400,
    "e.m.msg.schema": 400,
    "e.m.msg.unsupported": 400,
    "e.m.trust.signature": 401,
    "e.m.trust.clock": 401,
    "e.m.trust.peer": 403,
    "e.m.trust.role": 403,
    "e.m.notfound": 404,
    "e.m.trust.replay": 409,
    "e.m.msg.id-reuse": 409,
    "e.m.msg.expired": 410,
    "e.m.xfer.size": 413,
    "e.m.xfer.type": 415,
    "e.m.xfer.misdirected": 421,
    "e.m.trust.crypto": 422,
    "w.m.me.busy": 429,
}
"""LRX 1.0, section "Problems"."""
CLASSES = {
    one.code: one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, ProtocolError)
}


def routes():
    found = set()
    for table in (public.routes, public.health, peer_api.routes, vc_api.routes):
        for route in table:
            path = re.sub(r"\{(\w+):[^}]+\}", r"{\1}", route.path)
            found.add((route.method.lower(), path))
    return found


def test_every_route_is_described_and_nothing_else():
    described = {
        (method, path) for path, item in OPENAPI["paths"].items() for method in item
    }
    assert described == routes()


def test_the_document_is_well_formed():
    document = json.loads(DOCUMENT)
    assert document["openapi"].startswith("3.1")
    for path, item in document["paths"].items():
        named = set(re.findall(r"\{(\w+)\}", path))
        for operation in item.values():
            stated = {p["name"] for p in operation.get("parameters", ())}
            assert stated == named, path
            assert operation["responses"]
    references = re.findall(r'"\$ref": "#/([^"]+)"', DOCUMENT.decode())
    for reference in references:
        place = document
        for part in reference.split("/"):
            place = place[part]


def test_what_is_signed_is_what_peers_send():
    signed = {
        path
        for path, item in OPENAPI["paths"].items()
        if any({"lrxSignature": []} in one["security"] for one in item.values())
    }
    assert signed == {"/lrx/1/inbox", "/lrx/1/introduce", "/lrx/1/echo"}


@pytest.mark.parametrize(("code", "status"), TABLE.items())
def test_every_code_of_the_table_has_its_status(code, status):
    found, body = problem(CLASSES[code]("what was found"))
    said = json.loads(body)
    assert (found, said["status"]) == (status, status)
    assert (said["code"], said["type"]) == (code, errors.PROBLEMS + code)
    assert said["title"] == CLASSES[code].title
    assert re.fullmatch("[0-9a-f]{16}", said["trace"])
    silent = code in {"e.m.trust.signature", "e.m.trust.crypto"}
    assert ("detail" in said) != silent


def test_no_status_is_given_beyond_the_table():
    assert {code: int(status) for code, status in _STATUS.items()} == TABLE | {
        "e.m.msg.unexpected": 400
    }


@pytest.mark.parametrize("code", sorted(set(CLASSES) - set(TABLE)))
def test_what_the_table_does_not_name_is_a_bad_request(code):
    status, _ = problem(CLASSES[code]("x"))
    assert status == HTTPStatus.BAD_REQUEST


def test_the_media_type():
    assert PROBLEM_TYPE == "application/problem+json"
