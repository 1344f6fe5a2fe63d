# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Waits until a service is healthy, up to a limit."""

from __future__ import annotations

import json
import time

# The seconds between two calls of conductor, and the number of journal lines in a failure.
INTERVAL = 0.5
LINES = "20"


def wait_until_healthy(module, cli, service, patience, changed):
    """Returns when every instance is healthy, or fails with the state of those that are not."""
    deadline = time.monotonic() + patience
    while True:
        answer = cli.ask(["status", "--id", service])
        # Without instances and jobs there is nothing of it on the host.
        if answer.kind == "unknown_service":
            return
        if not answer.ok:
            cli.fail(answer, changed=changed)
        instances = [instance for each in answer.json["services"] for instance in each["instances"]]
        ill = [instance for instance in instances if not instance["healthy"]]
        if not ill:
            return
        if time.monotonic() >= deadline:
            break
        time.sleep(INTERVAL)
    lines = ["%s: %d of %d instances are not healthy" % (service, len(ill), len(instances))]
    for instance in ill:
        state = "%s (%s)" % (instance["active_state"], instance["sub_state"])
        lines.append("  %s: %s" % (instance["unit"], instance.get("status") or state))
    journal = [line for each in answer.json["services"] for line in _journal(cli, each["id"])]
    lines += ["  | %s" % line for line in journal]
    module.fail_json(msg="\n".join(lines), instances=ill, journal=journal, changed=changed)


def _journal(cli, service):
    """Returns the last lines of a service's log."""
    messages = []
    for line in cli.ask(["logs", "--id", service, "--lines", LINES]).stdout.splitlines():
        try:
            messages.append(str(json.loads(line).get("MESSAGE")))
        except ValueError:
            continue
    return messages
