"""Loads for two seconds, then serves; /health fails once somebody has asked for /break."""

import http.server
import os
import time


class Handler(http.server.BaseHTTPRequestHandler):
    broken = False

    def do_GET(self):
        if self.path == "/break":
            Handler.broken = True
        status = 500 if Handler.broken and self.path == "/health" else 200
        body = f"process {os.getpid()}\n".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        pass


time.sleep(2)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
