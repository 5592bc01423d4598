"""Runs a program on a terminal of its own, and does what it is told in lines of JSON on stdin:
{"expect": text}, {"type": text}, {"end": true}. Each gets a line of JSON back with all that came since the last one.
The end of stdin ends the program."""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

# Machines that run tests are slow.
PATIENCE = 300


def main():
    # Wide, so that no line of an answer is cut.
    columns = int(os.environ.pop("TERMINAL_COLUMNS", "200"))
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
        os.execve(sys.argv[1], sys.argv[1:], dict(os.environ))
    try:
        play(terminal, pid)
    except BaseException:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        raise


def play(terminal, pid):
    seen = b""
    for line in iter(sys.stdin.readline, ""):
        wanted = json.loads(line)
        if "type" in wanted:
            os.write(terminal, wanted["type"].encode())
            continue
        until = time.monotonic() + PATIENCE
        text = wanted.get("expect", "").encode()
        ended = False
        while not ended and not (text and text in seen):
            if time.monotonic() > until:
                raise TimeoutError(f"{wanted} never came: {seen!r}")
            if select.select([terminal], [], [], 1)[0]:
                try:
                    more = os.read(terminal, 65536)
                except OSError:
                    more = b""
                seen += more
                ended = not more
        at = len(seen) if ended else seen.index(text) + len(text)
        told = {"seen": seen[:at].decode(errors="replace"), "ended": ended}
        seen = seen[at:]
        if ended:
            told["code"] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(json.dumps(told), flush=True)
        if ended:
            return
    raise EOFError("nobody wants to see the end")


main()
