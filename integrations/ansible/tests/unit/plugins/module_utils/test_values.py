# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What becomes of numbers, with the schema of the conductor that E(CONDUCTOR) names."""

from __future__ import annotations

import json
import os
import subprocess
import unittest

from ansible_collections.conductor.conductor.plugins.module_utils.values import Unsafe, by_schema, text, word


def schema():
    """Returns the schema of a definition."""
    program = os.environ.get("CONDUCTOR", "conductor")
    return json.loads(subprocess.run([program, "schema"], check=True, stdout=subprocess.PIPE).stdout)


class Values(unittest.TestCase):
    """The values of a playbook."""

    @classmethod
    def setUpClass(cls):
        cls.schema = schema()

    def refused(self, path, work):
        """Asserts that a value is refused with its path and a hint."""
        with self.assertRaises(Unsafe) as caught:
            work()
        message = str(caught.exception)
        self.assertTrue(message.startswith(path + ": expected text, found "), message)
        return message

    def test_whole_numbers_of_jinja_become_numbers(self):
        definition = {
            "instances": "3",
            "limits": {"memory_swap": "1G", "cpu": "1.5"},
            "port": "80",
            "deploy": {"batch": "2", "keep": "0"},
            "processes": {"web": {"instances": "4", "command": ["/bin/x", "7"]}},
            "env": {"N": "5"},
        }
        wanted = json.loads(json.dumps(definition))
        wanted["instances"] = 3
        wanted["deploy"] = {"batch": 2, "keep": 0}
        wanted["processes"]["web"]["instances"] = 4
        self.assertEqual(by_schema(definition, self.schema), wanted)

    def test_text_that_is_no_whole_number_stays(self):
        for value in ("many", "1.5", "", "010", "1e3", " 1", "\u0661"):
            self.assertEqual(by_schema({"instances": value}, self.schema), {"instances": value})
        unknown = {"unknown": "1", "x-mine": {"a": 1.5}}
        self.assertEqual(by_schema(unknown, self.schema), unknown)

    def test_numbers_in_place_of_text_are_refused(self):
        def fails(path, definition):
            return self.refused(path, lambda: by_schema(definition, self.schema))

        self.assertIn('hint: put it in quotes, such as "1.10"', fails("revision", {"revision": 1.1}))
        fails("revision", {"revision": 42})
        fails("revision", {"revision": True})
        fails("env.VERSION", {"env": {"VERSION": 1.1}})
        fails("command[1]", {"command": ["/bin/x", 1.1]})
        fails("processes.web.env.V", {"processes": {"web": {"env": {"V": 1.1}}}})
        fails("systemd.Service.X", {"systemd": {"Service": {"X": 1.1}}})

    def test_amounts_may_be_numbers(self):
        amounts = {"limits": {"cpu": 1.5, "memory": 1048576}, "health": {"timeout": 0.5}, "env": {"N": 5}}
        self.assertEqual(by_schema(amounts, self.schema), amounts)

    def test_a_revision_is_text(self):
        self.assertIsNone(text("revision", None))
        self.assertEqual(text("revision", "1.10"), "1.10")
        for value in (1.1, 8, True, [], {}):
            self.refused("revision", lambda value=value: text("revision", value))

    def test_a_word_is_text_or_a_whole_number(self):
        self.assertEqual([word("a", value) for value in ("1.10", 8)], ["1.10", "8"])
        for value in (1.1, False, None, [], {}):
            self.refused("a", lambda value=value: word("a", value))


if __name__ == "__main__":
    unittest.main()
