"""A web shop: starts in a second, ends once its requests are answered; v2 and v3 have a bug each."""

import functools
import http.server
import os
import signal
import sys
import threading
import time

VERSION = os.environ["VERSION"]
CHAIR = {"price": 0 if VERSION == "v2" else 80}
COLUMN = "prize" if VERSION == "v3" else "price"


class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            status, text = 200, health() if self.path == "/health" else page()
        except KeyError as error:
            status, text = 500, f"there is no column {error}"
            log(f"{self.path}: {text}")
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # the requests it is at are waited for
    request_queue_size = 128


def health():
    return f"a price is known: {CHAIR[COLUMN]}"


def page():
    time.sleep(0.02)
    return f"shop {VERSION}: a chair costs {CHAIR[COLUMN]} (process {os.getpid()})"


@functools.cache  # says each thing once
def log(text):
    print(text, flush=True)


if sys.argv[1:] == ["migrate"]:
    print(f"the database is ready for {VERSION}")
    sys.exit()
time.sleep(1)
server = Server(("127.0.0.1", int(os.environ["PORT"])), Shop)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
