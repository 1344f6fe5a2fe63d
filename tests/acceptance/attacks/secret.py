"""Serves on a socket that only its owner, and root, may reach, and keeps who asked."""

import os
import socket
import sys

SECRET = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nSECRET\n"

path, uid, log = sys.argv[1], int(sys.argv[2]), open(sys.argv[3], "ab", buffering=0)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o600)
os.chown(path, uid, uid)
listener.listen(64)
while True:
    connection, _ = listener.accept()
    log.write(b"connected\n" + connection.recv(4096))
    try:
        connection.sendall(SECRET)
    except OSError:
        pass
    connection.close()
