# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which answers of conductor mean that the host is as before, so that the old definition is put back."""

from __future__ import annotations

import json
import unittest

from ansible_collections.conductor.conductor.plugins.module_utils.cli import Answer


def changed_nothing(rc, **result):
    """Returns what an answer says."""
    return Answer(["conductor"], rc, json.dumps(result) + "\n", "").changed_nothing


def service(undone):
    """Returns a service that failed."""
    return dict(id="web", steps=[], failure=dict(undone=undone))


class ChangedNothing(unittest.TestCase):
    """The cases of docs/cli.md."""

    def test_exit_statuses(self):
        for rc in (2, 3, 4):
            self.assertTrue(changed_nothing(rc, changed=True, services=[service(False)]))

    def test_results(self):
        self.assertTrue(changed_nothing(1, changed=False, services=[]))
        self.assertTrue(changed_nothing(1, changed=True, services=[service(True)]))
        self.assertFalse(changed_nothing(1, changed=True, services=[service(True), service(False)]))
        self.assertFalse(changed_nothing(1, changed=True, services=[]))

    def test_errors(self):
        self.assertTrue(changed_nothing(1, error=dict(kind="systemd")))

    def test_no_answer(self):
        self.assertFalse(Answer(["conductor"], 143, "", "").changed_nothing)


if __name__ == "__main__":
    unittest.main()
