# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""One service on a host: brings it to the state that a task asks for."""

from __future__ import annotations

import glob
import os

from ansible.module_utils.common.text.converters import to_native, to_text

from ansible_collections.conductor.conductor.plugins.module_utils.cli import Cli
from ansible_collections.conductor.conductor.plugins.module_utils.definition import Definition, ending_of, stopped, text_of
from ansible_collections.conductor.conductor.plugins.module_utils.health import wait_until_healthy
from ansible_collections.conductor.conductor.plugins.module_utils.values import Unsafe, by_schema


class Service:
    """One service on one host, and its desired state."""

    def __init__(self, module):
        self.module = module
        self.params = module.params
        self.id = module.params["id"]
        self.cli = Cli(module)
        self.files = Definition(module, self.id)
        self.result = dict(changed=False, file=None, revision=None)
        self.diff = []

    def present(self):
        """Writes the definition, if there is one, and brings the service to its state."""
        path = text = candidate = None
        if self.cli.path is not None or not self.module.check_mode:
            self.cli.require()
        if self.params["definition"] is not None or self.params["src"] is not None:
            text, ending = self._wanted()
            self.result["file"] = path = self.files.path(ending)
            self.result["changed"] = self.files.differs(path, text)
            self.diff += self.files.diff(path, text)
        elif self.params["state"] == "started":
            self.result["file"] = path = self._defined_in()
        if self.cli.path is None:
            self._without_conductor("the definition of %s was not checked" % self.id)
        if text is not None:
            candidate = self.files.candidate(ending, text)
            self._check(candidate)
        plan = self._plan(candidate, path)
        if self.module.check_mode:
            self.result["downtime"] = any(each["downtime"] for each in plan.json["services"])
            self._set_attributes(path if text is not None else None)
            self._took(plan)
            if text is None and not plan.json["changed"]:
                self._insist_on_instances(self._status())
            return
        self._change(path, text)
        if self.params["wait"]:
            wait_until_healthy(self.module, self.cli, self.id, self.params["wait_timeout"], self.result["changed"])
        services = self._status()
        if text is None:
            self._insist_on_instances(services)
        self.result["services"] = services
        self.result["service"] = services[0] if len(services) == 1 else None

    def absent(self):
        """Stops the service, then removes its definition."""
        self.result["changed"] = bool(self.files.paths)
        self.diff += self.files.diff(None, None)
        if self.cli.path is None and not self.files.paths and not self._has_units():
            # Without conductor and units there is nothing to remove.
            return
        if self.cli.path is None and self.module.check_mode:
            self._without_conductor("what is removed of %s is not known" % self.id)
        self.cli.require()
        self._refuse_others()
        remove = ["remove", "--id", self.id, "--lock-timeout", self.params["lock_timeout"]]
        plan = self.cli.ask(remove + ["--dry-run"])
        if plan.ok:
            self._show(plan)
        elif plan.kind != "unknown_service":
            self.cli.fail(plan)
        if self.module.check_mode:
            if plan.ok:
                self.result["downtime"] = any(each["downtime"] for each in plan.json["services"])
                self._took(plan)
            return
        if plan.ok:
            answer = self.cli.ask(remove)
            if not answer.ok:
                self.cli.fail(answer)
            self._took(answer)
        self.files.remove()

    def finish(self):
        """Ends the module with the result."""
        if self.module._diff and self.diff:
            self.result["diff"] = self.diff
        self.module.exit_json(**self.result)

    def _wanted(self):
        """Returns the text of the definition, and the ending of its file."""
        definition, src = self.params["definition"], self.params["src"]
        if src is None:
            return self._text_of(definition), ".json"
        ending = ending_of(src)
        if ending is None:
            self.module.fail_json(
                msg="%s has an unknown format: its name must end in .yaml, .yml, .json or .toml"
                % self._source()
            )
        try:
            with open(src, "rb") as file:
                return to_text(file.read(), errors="strict"), ending
        except (OSError, UnicodeError) as error:
            return self.module.fail_json(msg="cannot read %s: %s" % (src, to_native(error)))

    def _text_of(self, definition):
        """Returns the text of a definition in the playbook, with numbers as conductor expects them."""
        if self.cli.path is not None:
            try:
                definition = by_schema(definition, self.cli.schema())
            except Unsafe as error:
                self.module.fail_json(msg="definition: %s" % error)
        return text_of(self.id, stopped(definition) if self.params["state"] == "stopped" else definition)

    def _defined_in(self):
        """Returns the file on the host that defines the service."""
        if self.cli.path is None:
            return None
        for path in self.files.paths + self.files.others():
            if self._defines(self.cli.ask(["check", path])):
                return path
        return self.module.fail_json(
            msg="there is no definition of %s in %s\nhint: set definition, src or template" % (self.id, self.files.directory)
        )

    def _insist_on_instances(self, services):
        """Fails if a service was to be started that has no instances, for example after state=stopped."""
        if self.params["state"] == "started" and not any(each["instances"] for each in services):
            self.module.fail_json(
                msg="%s has no instances, because %s says so\nhint: set definition, src or template in this task, "
                "with the number of instances" % (self.id, self.result["file"]),
                changed=self.result["changed"],
            )

    def _source(self):
        """Returns the name of the definition's file in the task; the action plugin has copied the file."""
        src = self.params["src"]
        return src if self.params["remote_src"] else os.path.basename(src)

    def _named(self, answer, candidate):
        """Replaces the name of the definition in errors by that in the task; a mapping has no lines."""
        if self.params["src"] is None:
            return answer.rename(candidate, "definition", lines=False)
        return answer.rename(candidate, self._source())

    def _check(self, candidate):
        """Fails if the definition has errors, or is not of this service."""
        answer = self._named(self.cli.ask(["check", candidate]), candidate)
        if not answer.ok:
            self.cli.fail(answer)
        for warning in answer.json["warnings"]:
            self.module.warn("%s: %s" % (self.id, warning["message"]))
        applications = answer.json["applications"]
        defined = applications or answer.json["services"]
        if defined != [self.id]:
            self.module.fail_json(msg="this is the definition of %s, not of %s" % (", ".join(defined), self.id))
        self._refuse_others()

    def _refuse_others(self):
        """Fails if a file of another name also defines this service: conductor would reject both."""
        others = self.files.others()
        if not others:
            return
        answer = self.cli.ask(["check"] + others)
        if answer.ok and not self._defines(answer):
            return
        for other in others:
            if self._defines(self.cli.ask(["check", other])):
                self.module.fail_json(msg="%s is also defined in %s\nhint: remove that file" % (self.id, other))

    def _defines(self, answer):
        """Returns whether definitions that were checked are of this service or application."""
        return any(self.id in answer.json.get(kind, []) for kind in ("services", "applications"))

    def _plan(self, candidate, path):
        """Returns the plan of conductor, and shows how units would change."""
        directory = candidate and os.path.dirname(candidate)
        # The candidate is in a directory of the connected user. The written file is root's, and checked again.
        unsafe = ["--allow-unsafe-permissions"] if candidate else []
        plan = self.cli.ask(self._converge(candidate or path) + ["--dry-run"] + unsafe, directory)
        if candidate:
            self._named(plan, candidate)
        if not plan.ok:
            self.cli.fail(plan)
        self._show(plan)
        return plan

    def _show(self, plan):
        """Adds the diff of units and proxy files."""
        if plan.json["diff"]:
            self.diff.append(dict(prepared=plan.json["diff"]))

    def _change(self, path, text):
        """Writes the definition, and lets conductor apply or deploy it."""
        rewrites = text is not None and self.files.differs(path, text)
        if rewrites:
            self.files.write(path, text)
        self._set_attributes(path if text is not None else None)
        answer = self.cli.ask(self._converge(path))
        if not answer.ok:
            restored = rewrites and answer.changed_nothing
            if restored:
                self.files.restore()
            written = self.result["changed"] and not restored
            self.cli.fail(answer, changed=bool(answer.json.get("changed")) or written)
        self._took(answer)

    def _set_attributes(self, path):
        """Sets the owner and the mode of the definition's file."""
        if path is not None and os.path.exists(path):
            arguments = self.module.load_file_common_arguments(dict(self.params, path=path))
            self.result["changed"] = self.module.set_fs_attributes_if_different(arguments, self.result["changed"])

    def _converge(self, path):
        """Returns the command that brings the service to its state."""
        lock = ["--lock-timeout", self.params["lock_timeout"]]
        pull = ["--pull", self.params["pull"]] if self.params["pull"] else []
        if self.params["state"] == "deployed":
            return ["deploy", "--id", self.id, "--revision", self.params["revision"]] + pull + lock
        if self.params["state"] == "restarted":
            return ["restart", "--id", self.id] + lock
        if self.params["state"] == "rolled_back":
            return ["rollback", "--id", self.id] + (["--to", self.params["revision"]] if self.params["revision"] else []) + lock
        return ["apply", path] + pull + lock

    def _took(self, answer):
        self.result["changed"] = self.result["changed"] or answer.json["changed"]
        self.result["steps"] = answer.steps
        for service in answer.json["services"]:
            self.result["revision"] = service["revision"]

    def _status(self):
        """Returns the status of the service, or of each process of the application; empty if nothing is on the host."""
        answer = self.cli.ask(["status", "--id", self.id])
        if answer.kind == "unknown_service":
            return []
        if not answer.ok:
            self.cli.fail(answer)
        return answer.json["services"]

    def _has_units(self):
        """Returns, without conductor, whether units of the service are on the host."""
        units = "/etc/systemd/system/conductor-%s" % self.id
        return os.path.lexists(units + ".target") or bool(glob.glob(units + "-*.target"))

    def _without_conductor(self, so):
        """Ends check mode on a host where an earlier task would have installed conductor."""
        self.module.warn("conductor is not on this host yet, so " + so)
        self.result["changed"] = True
        self.finish()
