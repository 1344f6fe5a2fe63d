"""Serves as server.py does, and puts a link in place of its socket once it is told to."""

import os
import runpy
import sys
import threading
import time

GOAL = sys.argv.pop(1)


def swap():
    while not (os.path.exists("/srv/swap") and os.path.exists(os.environ["SOCKET"])):
        time.sleep(0.02)
    os.symlink(GOAL, os.environ["SOCKET"] + ".new")
    os.rename(os.environ["SOCKET"] + ".new", os.environ["SOCKET"])


threading.Thread(target=swap, daemon=True).start()
runpy.run_path("/srv/server.py", run_name="__main__")
