"""Somebody who connects to every socket of a one-off and claims to be its unit."""

import glob
import socket

for path in glob.glob("/run/conductor/runs/run-*"):
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(path)
        try:
            stranger.sendall(b"run\nended\n")
            data, files, _, _ = socket.recv_fds(stranger, 1, 3)
        except (BrokenPipeError, ConnectionResetError):
            continue
        assert (data, files) == (b"", []), (data, files)
