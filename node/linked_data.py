"""Linked-data proofs of VC Data Model 1.1, by way of DIDKit.

DIDKit is the last library of its time for them: it is no longer maintained, its native
code fetches by itself, and a process that used it may crash when it ends. So it runs in
a process of its own, without network (`node.linked_data_worker`), and is given only
what `node.linked_data_guard` lets through. It says nothing about dates or status: what
it finds is one `ProofCheck`, and the rest of the judgement is made as for any document.

One request runs at a time. A process that hangs or dies costs one answer, which is then
unknown; the next request starts another one.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from node.linked_data_guard import RefusedError, check, check_unsecured
from protocol.credentials.findings import ProofCheck, Result

_WORKER = Path(__file__).with_name("linked_data_worker.py")
_START = timedelta(seconds=30)
"""For the process to start, on a machine with other things to do."""
_END = timedelta(seconds=2)
_LONGEST_LINE = 8 * 1024 * 1024
"""Octets of an answer: a document of the largest size, written as a JSON text."""
_BROKEN = ("signature error", "Key expansion failed")
"""What DIDKit says of a proof that does not fit, or does not cover every term."""


class LinkedDataError(Exception):
    """DIDKit gave no answer, or not the one that was asked for."""


@dataclass(slots=True)
class LinkedData:
    """DIDKit in a process of its own, which is started when first needed."""

    limit: timedelta = timedelta(seconds=10)
    """For one request; a hostile document can take DIDKit hours."""
    _worker: asyncio.subprocess.Process | None = None
    _version: str = ""
    _serial: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def available(self) -> bool:
        """Tell whether there is a DIDKit for this Python."""
        return importlib.util.find_spec("didkit") is not None

    @property
    def process(self) -> int | None:
        """The id of the process, while there is one."""
        return self._worker.pid if self._worker else None

    async def verify(self, document: bytes) -> ProofCheck:
        """Find out whether the one proof of a VC 1.1 document, or VC-JWT, holds.

        Its dates and its status are not asked about, nor who its issuer is.
        """
        if not self.available():
            return self._found(Result.UNKNOWN, "there is no DIDKit for this Python")
        try:
            text = check(document)
            is_jwt = not text.startswith("{")
            # Only the proof: asked for `credentialStatus` too, it would fetch the list.
            options: dict[str, Any] = {"proofPurpose": "assertionMethod"}
            options |= {"proofFormat": "jwt"} if is_jwt else {"checks": ["proof"]}
            answer = await self._ask("verify", text, options)
        except RefusedError as error:
            return self._found(Result.UNKNOWN, f"not given to DIDKit: {error}")
        except LinkedDataError as error:
            return self._found(Result.UNKNOWN, str(error))
        return self._judge(json.loads(answer))

    async def issue(
        self,
        document: Mapping[str, Any],
        *,
        key: Mapping[str, str],
        verification_method: str,
        suite: str = "Ed25519Signature2020",
    ) -> dict[str, Any]:
        """Return an unsecured VC 1.1 document with a linked-data proof.

        `key` is a private JWK whose `did:key` or `did:jwk` is the issuer.

        Raises:
            LinkedDataError: DIDKit is not there, was not asked, or refused.
        """
        options = {"type": suite, "verificationMethod": verification_method}
        issued: dict[str, Any] = json.loads(await self._issue(document, options, key))
        return issued

    async def issue_jwt(
        self,
        document: Mapping[str, Any],
        *,
        key: Mapping[str, str],
        verification_method: str,
    ) -> str:
        """Return an unsecured VC 1.1 document as a VC-JWT.

        Raises:
            LinkedDataError: as `issue`.
        """
        options = {"proofFormat": "jwt", "verificationMethod": verification_method}
        return await self._issue(document, options, key)

    async def close(self) -> None:
        """End the process."""
        async with self._lock:
            worker, self._worker = self._worker, None
            if worker is None:
                return
            if worker.stdin:
                worker.stdin.close()
            try:
                async with asyncio.timeout(_END.total_seconds()):
                    await worker.wait()
            except TimeoutError:
                _kill(worker)
                await worker.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _issue(
        self,
        document: Mapping[str, Any],
        options: Mapping[str, str],
        key: Mapping[str, str],
    ) -> str:
        if not self.available():
            raise LinkedDataError("there is no DIDKit for this Python")
        try:
            check_unsecured(document)
        except RefusedError as error:
            raise LinkedDataError(f"not given to DIDKit: {error}") from error
        options = {"proofPurpose": "assertionMethod", **options}
        return await self._ask("issue", json.dumps(document), options, json.dumps(key))

    async def _ask(
        self, task: str, document: str, options: Mapping[str, Any], key: str = ""
    ) -> str:
        """Send one request and return the answer.

        Raises:
            LinkedDataError: what DIDKit said instead, or that it said nothing.
        """
        async with self._lock:
            self._serial += 1
            request = {
                "id": self._serial,
                "task": task,
                "document": document,
                "options": json.dumps(options),
                "key": key,
            }
            worker = await self._started()
            try:
                async with asyncio.timeout(self.limit.total_seconds()):
                    answer = await _exchange(worker, request)
            except TimeoutError as error:
                await self._abandon(worker)
                raise LinkedDataError("DIDKit took too long and was ended") from error
            except (EOFError, OSError, ValueError) as error:
                await self._abandon(worker)
                raise LinkedDataError("DIDKit ended without an answer") from error
            except asyncio.CancelledError:
                # An answer nobody read must not be taken for that to the next request.
                _kill(worker)
                self._worker = None
                raise
        if "error" in answer:
            raise LinkedDataError(f"DIDKit: {answer['error'][:200]}")
        return str(answer["value"])

    async def _started(self) -> asyncio.subprocess.Process:
        """Return the process, a new one if the last has ended."""
        if self._worker is not None and self._worker.returncode is None:
            return self._worker
        # `-I`, and nothing of the environment: it may hold secrets, or a proxy. What
        # native code writes to stderr as it dies may be a part of the document.
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(_WORKER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_LINE,
            env={n: v for n, v in os.environ.items() if n == "LD_LIBRARY_PATH"},
        )
        try:
            async with asyncio.timeout(_START.total_seconds()):
                hello = await _answer(worker)
        except (TimeoutError, EOFError, ValueError) as error:
            await self._abandon(worker)
            raise LinkedDataError("DIDKit could not be started") from error
        except asyncio.CancelledError:
            _kill(worker)
            raise
        self._worker, self._version = worker, str(hello["value"])
        return worker

    async def _abandon(self, worker: asyncio.subprocess.Process) -> None:
        _kill(worker)
        self._worker = None
        await worker.wait()

    def _found(self, result: Result, reason: str) -> ProofCheck:
        return ProofCheck(result, reason, f"didkit {self._version}".rstrip())

    def _judge(self, said: Mapping[str, Any]) -> ProofCheck:
        """Read DIDKit's answer, in which no error need not mean that it checked."""
        errors = said.get("errors")
        if errors == [] and said.get("checks") in (["proof"], ["JWS"]):
            return self._found(Result.VALID, "the proof holds")
        listed = errors if isinstance(errors, list) else []
        words = "; ".join(map(str, listed))[:200] or "nothing was checked"
        broken = any(one in words for one in _BROKEN)
        result = Result.INVALID if broken else Result.UNKNOWN
        return self._found(result, f"DIDKit: {words}")


async def _exchange(
    worker: asyncio.subprocess.Process, request: Mapping[str, Any]
) -> dict[str, Any]:
    assert worker.stdin  # noqa: S101 - it was made with pipes
    worker.stdin.write(json.dumps(request).encode() + b"\n")
    await worker.stdin.drain()
    answer = await _answer(worker)
    if answer["id"] != request["id"]:
        raise ValueError("an answer to another request")
    return answer


async def _answer(worker: asyncio.subprocess.Process) -> dict[str, Any]:
    assert worker.stdout  # noqa: S101 - it was made with pipes
    line = await worker.stdout.readline()
    if not line:
        raise EOFError
    answer: dict[str, Any] = json.loads(line)
    return answer


def _kill(worker: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        worker.kill()
