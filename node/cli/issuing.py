"""`lrx issue`, `lrx reissue`, `lrx revoke`: what learners hold of this institution."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Collection
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from node.cli.common import Exit, UsageError, opened, say, show
from node.context import NodeContext
from node.handle import Node
from node.matching import STUDENT_NUMBER, number_value
from node.services import correcting, exporting, issuing
from node.store import credentials, learners
from node.store.credentials import Credential
from protocol.credentials.record_model import KINDS


def add_issue(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx issue`."""
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--learner", metavar="NUMBER", help="student number")
    who.add_argument("--programme", metavar="KEY", help="everybody in a programme")
    parser.add_argument(
        "--graduated", type=date.fromisoformat, help="only who graduated that day"
    )
    parser.add_argument(
        "--kind", action="append", choices=KINDS, default=[], required=True
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="write files there")
    parser.add_argument(
        "--format",
        choices=["clr"],
        help="write each transcript, with the badges, as a CLR 2.0 too",
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=issue)


def add_reissue(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx reissue`."""
    parser.add_argument("--learner", metavar="NUMBER", required=True)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--reason", required=True, help="told to whoever holds it")
    parser.add_argument("--output", type=Path, metavar="DIR")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=reissue)


def add_revoke(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx revoke`."""
    parser.add_argument("credential", help="id of the credential in this node")
    parser.add_argument("--reason", required=True, help="told to whoever holds it")
    parser.set_defaults(command=revoke)


async def issue(arguments: Namespace) -> int:
    """Issue to one learner or to a cohort; say who gets nothing and why."""
    one = arguments.output and arguments.learner and "transcript" in arguments.kind
    if arguments.format and not one:
        raise UsageError("--format clr needs --learner, --kind transcript and --output")
    async with opened(arguments) as node:
        if arguments.programme:
            return await _cohort(node, arguments)
        return await _one(node, arguments)


async def _one(node: Node, arguments: Namespace) -> int:
    learner_id = await node.store.read(
        learner_of, context=node.context, number=arguments.learner
    )
    at = node.context.clock()
    made = await node.store.write(
        issuing.issue,
        context=node.context,
        learner_id=learner_id,
        kinds=arguments.kind,
        at=at,
    )
    await node.store.write(issuing.publish_status_lists, context=node.context, at=at)
    held = await node.store.read(
        _standing, context=node.context, learner_id=learner_id, kinds=arguments.kind
    )
    files = _write(held, arguments.output)
    if arguments.format:
        _write_clr(held, files, node.context, arguments.output)
    if arguments.json:
        show(
            {
                "issued": [
                    {"id": c.id, "kind": c.kind, "lang": c.lang, "files": files[c.id]}
                    for c in held
                ],
                "new": list(made.credential_ids),
                "unchanged": made.unchanged,
                "missing": [asdict(m) for m in made.missing],
            }
        )
    else:
        say(f"{len(made.credential_ids)} issued, {made.unchanged} unchanged")
        for missing in made.missing:
            say(f"not issued: {missing.kind}: item {missing.item}: {missing.reason}")
    return Exit.INVALID if made.missing else Exit.VALID


async def _cohort(node: Node, arguments: Namespace) -> int:
    cohort = await issuing.issue_cohort(
        node.store,
        context=node.context,
        programme=arguments.programme,
        graduated_on=arguments.graduated,
        kinds=arguments.kind,
        progress=_progress,
    )
    refused = [
        {
            "student_number": one.student_number,
            "missing": [asdict(m) for m in one.missing],
        }
        for one in cohort.refused
    ]
    if arguments.json:
        show(
            {
                "total": cohort.total,
                "issued": cohort.issued,
                "unchanged": cohort.unchanged,
                "refused": refused,
            }
        )
    else:
        say(
            f"{cohort.issued} issued to {cohort.total} learners, "
            f"{cohort.unchanged} unchanged, {len(refused)} learners lack something"
        )
        for one in cohort.refused:
            for missing in one.missing:
                say(f"  {one.student_number}: {missing.kind}: {missing.reason}")
    return Exit.INVALID if refused else Exit.VALID


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} learners", end=end, file=sys.stderr)


async def reissue(arguments: Namespace) -> int:
    """Issue one record anew, revoke the old credential, tell whoever holds it."""

    def work(connection: Connection, context: NodeContext, at: datetime) -> Any:
        learner_id = learner_of(connection, context=context, number=arguments.learner)
        old = _standing(
            connection, context=context, learner_id=learner_id, kinds=[arguments.kind]
        )
        if len(old) != 1:
            raise UsageError(f"{len(old)} credentials of kind {arguments.kind} stand")
        new = issuing.reissue(
            connection,
            context=context,
            credential_id=old[0].id,
            reason=arguments.reason,
            at=at,
        )
        issuing.publish_status_lists(connection, context=context, at=at)
        told = correcting.tell_changed(
            connection,
            context=context,
            old_credential_id=old[0].id,
            new_credential_id=new,
            reason=arguments.reason,
            at=at,
        )
        return old[0].id, new, told

    async with opened(arguments) as node:
        old, new, told = await node.store.write(
            work, node.context, node.context.clock()
        )
        credential = await node.store.read(
            credentials.credential, vault=node.context.vault, id=new
        )
    _write([credential] if credential else [], arguments.output)
    if arguments.json:
        show({"old": old, "new": new, "told": told})
    else:
        say(f"{old} is revoked, {new} takes its place, {told} recipient(s) are told")
    return Exit.VALID


async def revoke(arguments: Namespace) -> int:
    """Revoke one credential and tell whoever holds it."""

    def work(connection: Connection, context: NodeContext, at: datetime) -> int:
        issuing.revoke(
            connection,
            context=context,
            credential_id=arguments.credential,
            reason=arguments.reason,
            at=at,
        )
        issuing.publish_status_lists(connection, context=context, at=at)
        return correcting.tell_changed(
            connection,
            context=context,
            old_credential_id=arguments.credential,
            new_credential_id=None,
            reason=arguments.reason,
            at=at,
        )

    async with opened(arguments) as node:
        told = await node.store.write(work, node.context, node.context.clock())
    say(f"{arguments.credential} is revoked; {told} recipient(s) are told")
    return Exit.VALID


def learner_of(connection: Connection, *, context: NodeContext, number: str) -> str:
    """Return the learner with a student number.

    Raises:
        UsageError: there is none, or more than one.
    """
    hashed = context.vault.match_hash(STUDENT_NUMBER, number_value(number))
    found = learners.learners_by_hash(connection, hashes=[hashed]).get(hashed, [])
    if len(found) != 1:
        raise UsageError(f"{len(found)} learners have the student number {number}")
    return found[0]


def _standing(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    kinds: Collection[str],
) -> list[Credential]:
    return [
        one
        for one in credentials.current(
            connection, vault=context.vault, learner_id=learner_id
        )
        if one.kind in kinds
    ]


def _write(held: Collection[Credential], folder: Path | None) -> dict[str, list[str]]:
    """Write both forms of each credential; return the names by credential id."""
    names: dict[str, list[str]] = {}
    used: set[str] = set()
    for one in sorted(held, key=lambda c: c.id):
        stem, number = one.kind, 1
        while stem in used:
            number += 1
            stem = f"{one.kind}-{number}"
        used.add(stem)
        names[one.id] = [f"{stem}.json", f"{stem}.sd-jwt"]
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(one.vc, ensure_ascii=False, indent=1)
            (folder / f"{stem}.json").write_text(text + "\n", encoding="utf-8")
            (folder / f"{stem}.sd-jwt").write_text(one.sd_jwt, encoding="ascii")
    return names


def _write_clr(
    held: Collection[Credential],
    files: dict[str, list[str]],
    context: NodeContext,
    folder: Path,
) -> None:
    """Write each transcript as a CLR, and add its name to those of its files."""
    for one in held:
        if one.kind != "transcript":
            continue
        badges = [
            other
            for other in held
            if other.kind == "micro-credential" and other.lang == one.lang
        ]
        clr = exporting.as_clr(one, badges, context=context, at=context.clock())
        name = files[one.id][0].replace(".json", ".clr.json")
        text = json.dumps(clr, ensure_ascii=False, indent=1)
        (folder / name).write_text(text + "\n", encoding="utf-8")
        files[one.id].append(name)
