"""Answers every GET with a greeting and who answered."""

import http.server
import os

GREETING = os.environ["GREETING"]


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{GREETING} from process {os.getpid()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


address = ("127.0.0.1", int(os.environ["PORT"]))
http.server.ThreadingHTTPServer(address, Hello).serve_forever()
