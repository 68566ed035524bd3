"""The process in which DIDKit runs: one request a line in, one answer a line out.

`node.linked_data` starts this file by its path. It imports nothing of the node, so that
the only thing a fault in DIDKit's native code can reach is the document at hand. DIDKit
resolves some DIDs and follows some status entries over the network by itself, without a
hook; here it cannot: before the first document is read,

1. the process leaves the network, where the kernel lets it (its own network namespace
   holds nothing but a loopback that is down);
2. DIDKit is used once, so that its runtime has opened all it ever needs;
3. no file descriptor is left to be had, and a socket is one.

A request is `{"id", "task": "verify" | "issue", "document", "options", "key"}`, an
answer `{"id", "value"}` or `{"id", "error"}`. The first line out says who is there.
"""

import asyncio
import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000
MEMORY = 2 * 1024**3
"""Bytes of address space: threads reserve far more of it than they use."""
EXIT_WAIT = 0.3
"""Seconds. DIDKit's threads still hand results to the interpreter moments after the
last one was received; if it has ended by then, the process crashes."""
SECONDS = 60
"""After which a request ends this process, should nobody be there to end it sooner."""


def main() -> None:
    """Shut the process in, then answer until there is nothing more to read."""
    leave_network()
    import didkit  # noqa: PLC0415 - only once the network is gone

    asyncio.run(_serve(didkit))


def leave_network() -> None:
    """Enter an empty network namespace, if the kernel allows.

    As an ordinary user that takes a user namespace too, and must happen while there is
    one thread. Where it is not allowed, the lack of file descriptors has to do.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)


def shut_in() -> None:
    """Give up everything that is not open by now; there is no way back.

    Descriptors are handed out lowest first and must lie below the limit, so the lowest
    that is free becomes the limit: what is open above it stays usable.
    """
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, lowest))
    # A core would hold the document, which may be a learner's.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


async def _serve(didkit: Any) -> None:
    await _warm_up(didkit)
    shut_in()
    _write({"id": 0, "value": didkit.get_version()})
    tasks: dict[str, Callable[[dict[str, Any]], Awaitable[str]]] = {
        "verify": lambda r: didkit.verify_credential(r["document"], r["options"]),
        "issue": lambda r: didkit.issue_credential(
            r["document"], r["options"], r["key"]
        ),
    }
    # Reading blocks the loop, which has nothing else to do in between.
    for line in sys.stdin.buffer:
        request = json.loads(line)
        # The default action of SIGALRM ends the process, whatever native code does.
        signal.alarm(SECONDS)
        try:
            value = await tasks[request["task"]](request)
        except (didkit.DIDKitException, ValueError) as error:
            _write({"id": request["id"], "error": str(error)})
        else:
            _write({"id": request["id"], "value": value})
        finally:
            signal.alarm(0)
    await asyncio.sleep(EXIT_WAIT)


async def _warm_up(didkit: Any) -> None:
    """Let the runtime start its threads, and open what they wait on."""
    key = didkit.generate_ed25519_key()
    method = await didkit.key_to_verification_method("key", key)
    did = didkit.key_to_did("key", key)
    credential = {
        "@context": "https://www.w3.org/2018/credentials/v1",
        "type": "VerifiableCredential",
        "issuer": did,
        "issuanceDate": "2024-01-01T00:00:00Z",
        "credentialSubject": {"id": did},
    }
    options = json.dumps({"verificationMethod": method})
    issued = await didkit.issue_credential(json.dumps(credential), options, key)
    await didkit.verify_credential(issued, "{}")


def _write(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
