"""Runs `conductor status --watch` on a terminal of its own, while the service `web` crashes and is deployed.

The terminal is as xterm in what it does here. After a character in its last column, the cursor stays there.
"""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

PART = re.compile("\x1b\\[([0-9;]*)([A-Za-z])|(.)", re.DOTALL)


class Screen:
    """What the terminal shows."""

    def __init__(self, columns, lines):
        self.master, self.slave = os.openpty()
        self.row = self.column = self.scrolled = 0
        self.rows, self.color, self.rest = [], "", ""
        self.resize(columns, lines)

    def resize(self, columns, lines):
        """Gives it another size, as a window's; what no longer fits is cut."""
        self.columns, self.lines = columns, lines
        self.rows = [(row + [" "] * columns)[:columns] for row in self.rows[:lines]]
        self.rows += [[" "] * columns for _ in range(lines - len(self.rows))]
        self.row, self.column = min(self.row, lines - 1), min(self.column, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self):
        """Shows what has been written."""
        if not select.select([self.master], [], [], 0.1)[0]:
            return
        text = self.rest + os.read(self.master, 65536).decode()
        whole = text.rfind("\x1b") if re.search("\x1b(\\[[0-9;]*)?$", text) else len(text)
        self.rest = text[whole:]
        for order in PART.finditer(text[:whole]):
            self.obey(*order.groups())

    def obey(self, numbers, order, char):
        """Does what one control sequence or character says."""
        if order == "H":
            assert numbers == "", numbers
            self.row = self.column = 0
        elif order == "K":
            column = min(self.column, self.columns - 1)
            self.rows[self.row][column:] = [" "] * (self.columns - column)
        elif order == "J":
            self.obey("", "K", None)
            for row in self.rows[self.row + 1 :]:
                row[:] = [" "] * self.columns
        elif order == "m":
            self.color = numbers
        elif char == "\r":
            self.column = 0
        elif char == "\n":
            if self.row == self.lines - 1:
                self.scrolled += 1
                self.rows = self.rows[1:] + [[" "] * self.columns]
            else:
                self.row += 1
        else:
            assert char and char >= " ", (numbers, order, char)
            if self.column == self.columns:
                self.obey("", None, "\r")
                self.obey("", None, "\n")
            self.rows[self.row][self.column] = char
            self.column += 1

    def text(self):
        """Returns the lines without spaces at their ends."""
        return [line for line in ("".join(row).rstrip() for row in self.rows) if line]


screen = Screen(80, 24)
before = termios.tcgetattr(screen.slave)


def on_terminal():
    """Makes the terminal that of the process, so that Ctrl-C reaches it."""
    os.setsid()
    fcntl.ioctl(screen.slave, termios.TIOCSCTTY, 0)
    # Whoever runs the tests in the background of a shell ignores it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


watch = subprocess.Popen(
    ["conductor", "status", "--watch"],
    stdin=screen.slave,
    stdout=screen.slave,
    stderr=screen.slave,
    env={**os.environ, "TERM": "xterm"},
    preexec_fn=on_terminal,
)


def until(what, holds):
    """Waits until the screen shows something."""
    deadline = time.monotonic() + 60
    while not holds(screen.text()):
        assert time.monotonic() < deadline and watch.poll() is None, (what, screen.text())
        screen.read()


def rows(lines):
    """Returns the words of the lines of instances."""
    return [line.split() for line in lines if line.startswith("web ")]


until("two instances", lambda lines: len(rows(lines)) == 2 and lines[0].startswith("2 of 2 healthy"))
pid = subprocess.check_output(["pgrep", "--oldest", "--exact", "sleep"], text=True)
subprocess.check_call(["kill", "-KILL", *pid.split()])
until("a restart", lambda lines: any(row[4] == "1" for row in rows(lines)))
deploy = subprocess.Popen(["conductor", "deploy", "--id", "web", "--revision", "v2", "--output", "json"], stdout=subprocess.DEVNULL)
while deploy.poll() is None:
    screen.read()
assert deploy.returncode == 0
until("no restart", lambda lines: len(rows(lines)) == 2 and all(row[4] == "0" for row in rows(lines)))
screen.resize(40, 24)
until("lines that are cut", lambda lines: any(len(line) == 40 and line[-1] == "…" for line in lines))
assert screen.scrolled == 0, screen.text()
screen.resize(60, 4)
until("fewer lines", lambda lines: re.fullmatch("and [0-9]+ more lines", lines[-1]))
# What was being written while the lines became fewer was for more of them.
screen.scrolled = 0
assert len(screen.text()) <= 3, screen.text()
screen.resize(80, 24)
until("all lines", lambda lines: len(rows(lines)) == 2)
assert screen.scrolled == 0, screen.text()
os.write(screen.master, b"\x03")
status = watch.wait(timeout=60)
screen.read()
assert status == -2, status
assert termios.tcgetattr(screen.slave) == before and screen.color in ("", "0")
# The last frame stays, and the prompt comes below it.
assert len(rows(screen.text())) == 2 and not "".join(screen.rows[screen.row]).strip(" ^C")
print("watched")
sys.exit(0)
