# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Calls conductor and parses its answers, which are all that the modules know about a host."""

from __future__ import annotations

import json
import os

# The version of the contract, docs/cli.md, that the modules are written for.
CONTRACT = 2
# Where the role installs it, in case the PATH of a login without a profile does not contain it.
DIRECTORIES = ["/usr/local/bin", "/usr/bin"]
# Exit statuses after which the host is unchanged: bad input, the old release serves as before,
# another process holds the lock.
NOTHING_CHANGED = (2, 3, 4)
# The hint for a file that only root may change.
NOT_ROOT = "this needs root: add become: true"

ARGUMENTS = dict(
    executable=dict(type="str", default="conductor"),
    definitions=dict(type="path", default="/etc/conductor/services"),
    templates=dict(type="path"),
)


class Answer:
    """The answer to a call of conductor."""

    def __init__(self, command, rc, stdout, stderr):
        self.command = command
        self.rc = rc
        self.stdout = stdout
        self.stderr = stderr
        self.json = self._last_object()

    def _last_object(self):
        """Returns the result; events come before it, one on each line."""
        lines = self.stdout.strip().splitlines()
        try:
            value = json.loads(lines[-1])
        except (IndexError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def ok(self):
        return self.rc == 0

    @property
    def kind(self):
        """Returns the kind of an error, or None."""
        return self.json.get("error", {}).get("kind")

    @property
    def failures(self):
        """Returns the failures, service by service."""
        services = self.json.get("services") or []
        return [(each["id"], each["failure"]) for each in services if each.get("failure")]

    @property
    def steps(self):
        services = self.json.get("services") or []
        return [step["step"]["text"] for service in services for step in service.get("steps", [])]

    @property
    def changed_nothing(self):
        """Returns whether a failed call left the host unchanged."""
        if self.rc in NOTHING_CHANGED or self.json.get("changed") is False:
            return True
        if "error" in self.json and "services" not in self.json:
            # conductor could not do anything.
            return True
        failures = self.failures
        return bool(failures) and all(failure["undone"] for _id, failure in failures)

    def rename(self, old, new, lines=True):
        """Replaces the name of a file in errors, and removes lines if the new name has none."""
        for error in self._errors():
            if error.get("file") == old and not lines:
                error.update(line=None, column=None)
            for key in ("file", "message", "hint"):
                if error.get(key):
                    error[key] = error[key].replace(old, new)
        return self

    def failure(self, hides_journal=False):
        """Returns the arguments of fail_json: the message, and its parts."""
        if hides_journal:
            self._hide_journal()
        result = dict(rc=self.rc, cmd=self.command, stderr=self.stderr)
        errors = self._errors()
        if errors:
            result["errors"] = errors
            result["hint"] = errors[0].get("hint")
            result["msg"] = "\n".join(error_text(error) for error in errors)
        elif self.failures:
            result["failures"] = [dict(failure, id=name) for name, failure in self.failures]
            result["journal"] = [line for _id, each in self.failures for line in each["journal"]]
            result["steps"] = self.steps
            result["msg"] = "\n".join(_failure_text(name, each) for name, each in self.failures)
        else:
            said = self.stderr.strip() or self.stdout.strip() or "no output"
            result["msg"] = "conductor ended with exit status %d: %s" % (self.rc, said)
        return result

    def _hide_journal(self):
        """Removes the output of services, which may contain their secrets."""
        for name, failure in self.failures:
            hint = "(hidden by no_log; see conductor logs --id %s)" % name
            failure.update(journal=[hint] if failure["journal"] else [], status=None)

    def _errors(self):
        errors = self.json.get("errors")
        if errors:
            return errors
        error = self.json.get("error")
        return [error] if error else []


class Cli:
    """The program conductor on this host."""

    def __init__(self, module):
        self._module = module
        params = module.params
        self.path = module.get_bin_path(params["executable"], opt_dirs=DIRECTORIES)
        self.definitions = params["definitions"]
        self.templates = params["templates"]

    def require(self):
        """Fails unless the program exists and has the contract version of the modules."""
        if self.path is None:
            self._module.fail_json(
                msg="there is no program %s on this host\nhint: the role conductor.conductor.conductor installs it"
                % self._module.params["executable"]
            )
        schema = self.ask(["schema", "--output-of", "status"])
        try:
            found = json.loads(schema.stdout)["x-contract-version"]
        except (ValueError, LookupError, TypeError):
            # An old conductor, or another program of this name.
            said = (schema.stderr.strip() or schema.stdout.strip()).splitlines()[:1]
            self._module.fail_json(
                msg=": ".join(["%s is not a conductor that this collection supports" % self.path] + said)
                + "\nhint: install conductor from the same checkout, with the role conductor.conductor.conductor"
            )
        if found != CONTRACT:
            self._module.fail_json(
                msg="%s has version %s of the contract, but this collection needs version %d" % (self.path, found, CONTRACT)
                + "\nhint: install conductor and the collection from the same checkout"
            )

    def schema(self):
        """Returns the JSON Schema of a definition."""
        answer = self.ask(["schema"])
        try:
            return json.loads(answer.stdout)
        except ValueError:
            return self.fail(answer)

    def command(self, arguments, definitions=None):
        """Returns the command line of a call."""
        command = [self.path, "--definitions", definitions or self.definitions]
        if self.templates:
            command += ["--templates", self.templates]
        return command + arguments

    def ask(self, arguments, definitions=None):
        """Calls conductor and returns its answer, whether it succeeded or not."""
        command = self.command(["--output", "json"] + arguments, definitions)
        rc, stdout, stderr = self._module.run_command(command, environ_update=dict(NO_COLOR="1"))
        return Answer(command, rc, stdout, stderr)

    def fail(self, answer, **more):
        """Ends the module with conductor's error."""
        # Ansible does not censor a registered result, and it is often shown.
        failure = answer.failure(hides_journal=self._module.no_log)
        if answer.kind == "file" and os.geteuid() != 0:
            failure["hint"] = NOT_ROOT
            failure["msg"] = "%s\n  hint: %s" % (failure["msg"].split("\n  hint: ")[0], NOT_ROOT)
        self._module.fail_json(**dict(failure, **more))


def error_text(error):
    """Returns an error of conductor as text."""
    place = ":".join(str(error[key]) for key in ("file", "line", "column") if error.get(key))
    parts = [part for part in (place, error.get("path"), error.get("message")) if part]
    return "\n  hint: ".join([": ".join(parts)] + ([error["hint"]] if error.get("hint") else []))


def _failure_text(name, failure):
    lines = ["%s: %s: %s" % (name, failure["step"]["text"], failure["reason"])]
    if failure.get("status"):
        lines.append("  last health check: %s" % failure["status"])
    lines += ["  | %s" % line for line in failure["journal"]]
    if failure["undone"]:
        lines.append("  the change was undone")
    if failure["old_serves"]:
        lines.append("  the previous release still serves")
    if failure["retried"]:
        lines.append("  systemd keeps trying to start it; conductor logs --id %s has more" % name)
    return "\n".join(lines)
