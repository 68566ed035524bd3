"""Cut a rotation off at every step it takes on the disk, for `test_rotation`.

Run as a program: a process of its own is ended for each step, as by a power cut.
"""

import itertools
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from node import identity, rotation
from node.settings import load as load_settings
from protocol.exchange import did_log

TOUCHES = {"open", "os.rename", "os.remove", "os.chmod"}


def end_at(step):
    """End this process at its `step`-th touch of a file."""
    seen = itertools.count(1)

    def hook(event, _arguments):
        if event in TOUCHES and next(seen) == step:
            os._exit(9)

    sys.addaudithook(hook)


def rotate(home, did):
    keys = home / "keys"
    return rotation.rotate(keys, did, rotation.JOBS, safe=keys, at=datetime.now(UTC))


def look(home, did):
    """Read the node as `serve` would; return how many entries its DID log has."""
    keys = identity.load(home / "keys", did)
    history = did_log.read(did, keys.log)
    assert keys.message_kid in history.current().methods
    return len(history.versions)


def main():
    source, work = Path(sys.argv[1]), Path(sys.argv[2])
    did = load_settings(source / "node.toml").did
    before, lengths = look(source, did), []
    for step in itertools.count(1):
        home = shutil.copytree(source, work / str(step))
        child = os.fork()
        if child == 0:
            end_at(step)
            rotate(home, did)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        length = look(home, did)
        lengths.append(length)
        # The same command again finishes the work, whatever was left.
        change = rotate(home, did)
        assert len(change.added) == len(rotation.JOBS), (step, change)
        assert look(home, did) == length + 1, step
        assert not list((home / "keys").glob("*.draft")), step
        assert not (home / "keys" / "after-next.json").exists(), step
        shutil.rmtree(home)
        if os.waitstatus_to_exitcode(status) == 0:
            break
    assert set(lengths) == {before, before + 1}
    assert lengths == sorted(lengths)
    sys.stdout.write(str(len(lengths)))


if __name__ == "__main__":
    main()
