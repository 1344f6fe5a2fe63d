"""Stands between systemd and whoever asks it, and makes its version 251.

usage: older.py SOCKET VERSION
"""

import socket
import sys
import threading

path, version = sys.argv[1], sys.argv[2].encode()
older = b"251" + version[3:]


def copy(source, target):
    # An answer is small, and comes as a whole.
    while data := source.recv(1 << 16):
        target.sendall(data.replace(version, older))
    target.shutdown(socket.SHUT_WR)


listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
while True:
    client, _ = listener.accept()
    server = socket.socket(socket.AF_UNIX)
    server.connect("/run/dbus/system_bus_socket")
    for ends in (client, server), (server, client):
        threading.Thread(target=copy, args=ends, daemon=True).start()
