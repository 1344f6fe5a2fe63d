"""Serves HTTP on $PORT, or on the unix socket $SOCKET, as well or as badly as its first argument says.

What it says when all is well is $VERSION, if there is one. While /srv/die exists it ends at once, and while /srv/broken exists it answers 500.
"""

import os
import signal
import socket
import sys
import threading
import time

MODE = sys.argv[1]
WELL = os.environ.get("VERSION", "all well").encode() + b"\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(WELL), WELL)


def answer(mode, request):
    if os.path.exists("/srv/broken"):
        return b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
    if mode == "host":
        good = b"\r\nhost: app.example\r\n" in request.lower()
        return OK if good else b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    return {
        "500": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
        "302": b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
        "garbage": b"SSH-2.0-OpenSSH_10.0\r\n",
    }.get(mode, OK)


def serve(connection):
    try:
        request = b""
        while b"\r\n\r\n" not in request:
            received = connection.recv(4096)
            if not received:
                return
            request += received
        if MODE == "silent":
            time.sleep(3600)
        elif MODE == "trickle":
            for byte in OK:
                connection.sendall(bytes([byte]))
                time.sleep(1)
        elif MODE == "endless":
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65536)
        else:
            connection.sendall(answer(MODE, request))
    except OSError:
        pass
    finally:
        connection.close()


def drain(*_):
    """Closes the port and finishes what it is at."""
    LISTENER.close()
    time.sleep(2)
    print("drained", flush=True)
    os._exit(0)


def main():
    global LISTENER
    if os.path.exists("/srv/die") or MODE == "die":
        sys.exit(3)
    if MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if MODE == "drain":
        signal.signal(signal.SIGTERM, drain)
    if MODE == "late":
        time.sleep(5)
    if MODE == "refuse":
        time.sleep(3600)
    if "SOCKET" in os.environ:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.environ["SOCKET"])
    else:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(os.environ["PORT"])))
    listener.listen(64)
    LISTENER = listener
    print("listens at", time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()
