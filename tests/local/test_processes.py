"""Started processes."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from config.local.processes import LOG_KEEP_BYTES, Process, Program, rotate, tail

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 10.0


def test_end_when_their_starter_is_killed(tmp_path):
    """The starter is killed outright; the child's end is seen as the end of its socket."""
    ours, theirs = socket.socketpair()
    child = f"import os, signal; os.write({theirs.fileno()}, b'up'); signal.pause()"
    starter = (
        "import subprocess, sys, signal; from config.local.processes import end_with_parent;"
        f"subprocess.Popen([sys.executable, '-c', {child!r}], pass_fds=[{theirs.fileno()}],"
        "start_new_session=True, preexec_fn=end_with_parent()); signal.pause()"
    )
    parent = subprocess.Popen([sys.executable, "-c", starter], pass_fds=[theirs.fileno()], cwd=ROOT)
    theirs.close()
    ours.settimeout(PATIENCE_S)
    assert ours.recv(2) == b"up"
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert ours.recv(1) == b""
    ours.close()


def test_are_killed_when_they_do_not_heed_the_polite_signal(tmp_path):
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    read, write = os.pipe()
    os.set_inheritable(write, True)
    log = Path(f"/dev/fd/{write}") if Path("/dev/fd").exists() else tmp_path / "log"
    program = Program(
        name="deaf", argv=[sys.executable, "-c", code], env={}, cwd=tmp_path, log=log, patience_s=0.2
    )
    process = Process(program)
    assert os.read(read, 4) == b"deaf"
    assert process.stop() == -signal.SIGKILL
    os.close(read)
    os.close(write)


def test_write_to_a_log_that_is_put_aside_when_it_grows_too_big(tmp_path):
    log = tmp_path / "web.log"
    log.write_bytes(b"old\n" * (LOG_KEEP_BYTES // 4 + 1))
    rotate(log)
    assert not log.exists()
    assert tail(tmp_path / "web.log.1", lines=2) == ["old", "old"]
    assert tail(log, lines=2) == []
