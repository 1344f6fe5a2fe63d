#!/usr/bin/python3
"""An application of four processes: web, worker and scheduler, and the migration of its database.

The web server puts orders into a queue in Redis, the worker moves them to PostgreSQL, and the scheduler
orders something every second.
"""

import os
import signal
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2
import redis

VERSION = os.environ.get("VERSION", "v1")
DATABASE = os.environ["DATABASE_URL"]
QUEUE = redis.Redis(host=os.environ["REDIS_HOST"], decode_responses=True)


def query(text, *values):
    """Returns the first row of an SQL query, if it has rows."""
    with closing(psycopg2.connect(DATABASE, connect_timeout=5)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchone() if cursor.description else None


class Web(BaseHTTPRequestHandler):
    """`GET` counts the orders, `POST` adds one."""

    def do_GET(self):
        """Answers the number of orders in the database."""
        QUEUE.ping()
        (orders,) = query("SELECT count(*) FROM orders")
        self.answer(f"{VERSION}: {orders} orders\n")

    def do_POST(self):
        """Queues an order."""
        QUEUE.lpush("orders", f"web {VERSION}")
        self.answer(f"{VERSION}: ordered\n")

    def answer(self, text):
        """Sends a text."""
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Requests are nginx's to log."""


class WebServer(ThreadingHTTPServer):
    """Ends when all requests have been answered."""

    daemon_threads = False
    request_queue_size = 128


def web():
    """Serves until SIGTERM."""
    server = WebServer(("", int(os.environ.get("PORT", "8000"))), Web)
    # Leaving the `with` block waits for the requests that are being answered.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with server:
        server.serve_forever()


def worker():
    """Moves orders from the queue to the database. One that was being moved when it was killed is moved again."""
    while QUEUE.rpoplpush("taken", "orders"):
        pass
    while True:
        order = QUEUE.brpoplpush("orders", "taken", timeout=1)
        if order:
            query("INSERT INTO orders (text) VALUES (%s)", order)
            QUEUE.lrem("taken", 1, order)


def scheduler():
    """Orders something every second."""
    while True:
        QUEUE.lpush("orders", f"scheduler {VERSION}")
        time.sleep(1)


def migrate():
    """Creates what the application needs; it may run any number of times."""
    query("CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, text text NOT NULL)")
    print(f"migrated to {VERSION}")


if __name__ == "__main__":
    {"web": web, "worker": worker, "scheduler": scheduler, "migrate": migrate}[sys.argv[1]]()
