"""Listens in every directory of a service's socket that lets her, and answers in its place."""

import os
import socket
import sys

PATTERN = sys.argv[1]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nEVE\n"


def directories():
    for directory, below, _ in os.walk("/run/conductor"):
        yield from (os.path.join(directory, name) for name in below if name.startswith(PATTERN))


def bind(directory):
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(os.path.join(directory, sys.argv[2]))
    except OSError as error:
        print("kept out:", directory, error, flush=True)
        return None
    os.chmod(os.path.join(directory, sys.argv[2]), 0o666)
    listener.listen(64)
    return listener


found = list(directories())
listeners = [listener for listener in map(bind, found) if listener]
print("looked at", len(found), "got", len(listeners), flush=True)
while listeners:
    connection, _ = listeners[0].accept()
    connection.recv(4096)
    connection.sendall(ANSWER)
    connection.close()
