"""Somebody at a terminal: runs a command in one, types at it, and changes its size.

The arguments are the command. On standard input come lines: "type TEXT", where \\x03 is Ctrl-C,
"size ROWS COLUMNS" and "wait TEXT", which waits until that was shown. What was shown, and the
exit status of the command, is written at the end.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 60


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def main():
    steps = [line.rstrip("\n").split(" ", 1) for line in sys.stdin]
    child, terminal = pty.fork()
    if child == 0:
        # The size is there before the command is.
        resize(0, 24, 80)
        os.execvp(sys.argv[1], sys.argv[1:])
    before = None
    shown = b""
    deadline = time.monotonic() + PATIENCE

    def read():
        nonlocal shown
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            sys.exit(f"never shown; so far: {shown.decode(errors='replace')}")
        if not select.select([terminal], [], [], 0.1)[0]:
            return True
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            piece = b""
        shown += piece
        return piece != b""

    for what, argument in steps:
        if what == "wait":
            begin = len(before or b"")
            while argument.encode() not in shown[begin:]:
                if not read():
                    sys.exit(f"ended; shown: {shown.decode(errors='replace')}")
            before = shown
        elif what == "type":
            os.write(terminal, argument.encode().decode("unicode_escape").encode())
        elif what == "size":
            resize(terminal, *map(int, argument.split()))
    while read():
        pass
    local = termios.tcgetattr(terminal)[3]
    _, status = os.waitpid(child, 0)
    sys.stdout.write(shown.decode(errors="replace"))
    cooked = bool(local & termios.ICANON) and bool(local & termios.ECHO)
    print(f"\nexit status {os.waitstatus_to_exitcode(status)}, cooked {cooked}")


main()
