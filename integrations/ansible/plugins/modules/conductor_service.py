#!/usr/bin/python

# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Defines, deploys, restarts or removes a service on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: conductor_service
short_description: Defines, deploys, restarts and removes services with conductor
version_added: 0.1.0
description:
  - Writes the definition of a service on a host and lets C(conductor) run it, or removes a service.
  - The definition and the plan of conductor are checked before the old definition is replaced. If they have errors,
    nothing changes.
  - If a new release does not become healthy, conductor removes it, the previous release still serves,
    the old definition is restored, and the task fails with the last health check and the end of the journal.
options:
  id:
    description:
      - The name of the service.
    type: str
    required: true
  state:
    description:
      - V(present) writes the definition and applies it, at the current revision or at the one that the definition names.
      - V(deployed) writes the definition, if there is one, and deploys O(revision).
      - V(restarted) starts the instances anew, each time, without downtime. The service must be on the host.
      - V(absent) stops the service and removes its units and its definition.
    type: str
    choices: [present, deployed, restarted, absent]
    default: present
  definition:
    description:
      - The definition as a mapping. C(id) is optional.
      - It is written as JSON, to C(ID.json) in O(definitions).
      - Variables in C(env) appear in the log of the task, like all its arguments. Use C(secrets), or C(no_log) on the
        task.
    type: dict
  src:
    description:
      - A file with the definition, in YAML, JSON or TOML. It is searched for as by M(ansible.builtin.copy).
      - It is written unchanged to C(ID.yaml), C(ID.yml), C(ID.json) or C(ID.toml) in O(definitions). The service in it
        must be O(id).
    type: path
  remote_src:
    description:
      - Whether O(src) is on the host already.
    type: bool
    default: false
  revision:
    description:
      - The revision to deploy, an image tag or C(sha256:DIGEST).
      - Required with O(state=deployed), and only allowed there.
    type: str
  pull:
    description:
      - Overrides C(pull) in the definition, whose default is V(missing).
      - V(missing) pulls images that the engine of the host does not have.
      - V(always) pulls images each time. If the name of an image means another one than that which runs, the instances
        are replaced.
      - V(never) pulls no images. If the engine does not have one, the task fails and changes nothing.
      - It is only allowed with O(state=present) and O(state=deployed).
    type: str
    choices: [missing, always, never]
  wait:
    description:
      - Whether every instance of the service must be healthy at the end. conductor always waits for the instances that
        it starts; this option is about those that were already running.
    type: bool
    default: true
  wait_timeout:
    description:
      - The number of seconds to wait for healthy instances, with O(wait).
    type: int
    default: 60
  lock_timeout:
    description:
      - How long to wait for another conductor process on the host, as a systemd time span. V(0) fails at once.
    type: str
    default: 10min
extends_documentation_fragment:
  - ansible.builtin.files
  - conductor.conductor.cli
attributes:
  check_mode:
    support: full
    description:
      - Returns the steps of a real run. On a host without conductor the task is changed, with a warning.
      - What O(pull=always) brings is not known before, so such a task is changed.
  diff_mode:
    support: full
    description: Shows the diff of the definition and of the unit files.
notes:
  - The files C(ID.yaml), C(ID.yml), C(ID.json) and C(ID.toml) in O(definitions) belong to this module. If a file of
    another name defines the same service, the task fails and changes nothing.
seealso:
  - module: conductor.conductor.conductor_info
  - module: conductor.conductor.conductor_run
"""

EXAMPLES = r"""
- name: Run a service whose program is on the host
  conductor.conductor.conductor_service:
    id: hello
    definition:
      command: [/usr/bin/python3, /srv/hello/server.py]
      instances: 2
      port: 8080
      env: {GREETING: Hello}
      health: {http: /}

- name: Run a service that is defined in files/shop.yaml
  conductor.conductor.conductor_service:
    id: shop
    src: shop.yaml

- name: Deploy another version without downtime
  conductor.conductor.conductor_service:
    id: shop
    state: deployed
    revision: v42

- name: Run what a tag means now
  conductor.conductor.conductor_service:
    id: shop
    src: shop.yaml
    pull: always

- name: Start the instances anew without downtime, for example in a handler
  conductor.conductor.conductor_service:
    id: shop
    state: restarted

- name: Stop and remove a service
  conductor.conductor.conductor_service:
    id: shop
    state: absent
"""

RETURN = r"""
file:
  description: The path of the definition; null if the task has none.
  returned: success
  type: str
  sample: /etc/conductor/services/hello.json
revision:
  description: The revision that is to run; null if the service was removed, or would not run.
  returned: success
  type: str
  sample: v42
steps:
  description: The steps that conductor carried out, in order; in check mode, those that it would carry out.
  returned: when conductor was called
  type: list
  elements: str
  sample: [start conductor-hello-host.a32f80-1.service]
downtime:
  description: Whether the service would be down for a moment.
  returned: in check mode
  type: bool
service:
  description: The service as in C(conductor status --output json); null for an application of several processes.
  returned: success, unless in check mode or absent
  type: dict
services:
  description: The service, or each process of the application, as in C(conductor status --output json).
  returned: success, unless in check mode or absent
  type: list
  elements: dict
rc:
  description: The exit status of conductor.
  returned: failure
  type: int
hint:
  description: The hint of the first error; may be null.
  returned: when conductor reports errors
  type: str
errors:
  description:
    - All errors, each with C(message), C(hint), C(file), C(line), C(column) and C(path).
    - For an error in the definition, C(file) is the name of O(src), or the word C(definition).
  returned: when conductor reports errors
  type: list
  elements: dict
failures:
  description:
    - The failures, each with C(step) (C(action), C(unit), C(text)), C(unit), C(kind), C(reason), C(status), C(journal), C(old_serves)
      and C(undone).
  returned: when something did not start
  type: list
  elements: dict
journal:
  description: The end of the journal of the units that failed.
  returned: when something did not start
  type: list
  elements: str
"""

import glob
import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_native, to_text

from ansible_collections.conductor.conductor.plugins.module_utils.cli import ARGUMENTS, Cli
from ansible_collections.conductor.conductor.plugins.module_utils.definition import Definition, ending_of, text_of
from ansible_collections.conductor.conductor.plugins.module_utils.health import wait_until_healthy


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
        """Writes the definition, if there is one, and applies or deploys it; or restarts the service."""
        path = text = candidate = None
        if self.params["definition"] is not None or self.params["src"] is not None:
            text, ending = self._wanted()
            self.result["file"] = path = self.files.path(ending)
            self.result["changed"] = self.files.differs(path, text)
            self.diff += self.files.diff(path, text)
        if self.cli.path is None and self.module.check_mode:
            self._without_conductor()
        self.cli.require()
        if text is not None:
            candidate = self.files.candidate(ending, text)
            self._check(candidate)
        plan = self._plan(candidate)
        if self.module.check_mode:
            self.result["downtime"] = any(each["downtime"] for each in plan.json["services"])
            self._set_attributes(path)
            self._took(plan)
            return
        self._change(path, text)
        if self.params["wait"]:
            wait_until_healthy(self.module, self.cli, self.id, self.params["wait_timeout"], self.result["changed"])
        services = self._status()
        self.result["services"] = services
        self.result["service"] = services[0] if len(services) == 1 else None

    def absent(self):
        """Stops the service, then removes its definition."""
        self.result["changed"] = bool(self.files.paths)
        self.diff += self.files.diff(None, None)
        if self.cli.path is None and not self.files.paths and not self._has_units():
            # Without conductor and units there is nothing to remove.
            return
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
            return text_of(self.id, definition), ".json"
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

    def _plan(self, candidate):
        """Returns the plan of conductor, and shows how units would change."""
        directory = candidate and os.path.dirname(candidate)
        # The candidate is in a directory of the connected user. The written file is root's, and checked again.
        unsafe = ["--allow-unsafe-permissions"] if candidate else []
        plan = self.cli.ask(self._converge(candidate) + ["--dry-run"] + unsafe, directory)
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
        rewrites = path is not None and self.files.differs(path, text)
        if rewrites:
            self.files.write(path, text)
        self._set_attributes(path)
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
        """Returns the command that applies or deploys the definition, or restarts the service."""
        lock = ["--lock-timeout", self.params["lock_timeout"]]
        pull = ["--pull", self.params["pull"]] if self.params["pull"] else []
        if self.params["state"] == "deployed":
            return ["deploy", "--id", self.id, "--revision", self.params["revision"]] + pull + lock
        if self.params["state"] == "restarted":
            return ["restart", "--id", self.id] + lock
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

    def _without_conductor(self):
        """Ends check mode on a host where an earlier task would have installed conductor."""
        self.module.warn("conductor is not on this host yet, so the definition of %s was not checked" % self.id)
        self.result["changed"] = True
        self.finish()


def main():
    """Reads the arguments, and carries them out."""
    module = AnsibleModule(
        argument_spec=dict(
            ARGUMENTS,
            id=dict(type="str", required=True),
            state=dict(type="str", choices=["present", "deployed", "restarted", "absent"], default="present"),
            definition=dict(type="dict"),
            src=dict(type="path"),
            remote_src=dict(type="bool", default=False),
            revision=dict(type="str"),
            pull=dict(type="str", choices=["missing", "always", "never"]),
            wait=dict(type="bool", default=True),
            wait_timeout=dict(type="int", default=60),
            lock_timeout=dict(type="str", default="10min"),
        ),
        add_file_common_args=True,
        mutually_exclusive=[("definition", "src")],
        required_if=[
            ("state", "present", ("definition", "src"), True),
            ("state", "deployed", ("revision",)),
        ],
        supports_check_mode=True,
    )
    if module.params["revision"] is not None and module.params["state"] != "deployed":
        module.fail_json(msg="revision needs state=deployed; with state=present, set it in the definition")
    if module.params["state"] == "restarted" and (module.params["definition"] is not None or module.params["src"]):
        module.fail_json(msg="state=restarted takes no definition; write it with state=present first")
    if module.params["pull"] and module.params["state"] not in ("present", "deployed"):
        module.fail_json(msg="pull needs state=present or state=deployed")
    service = Service(module)
    if module.params["state"] == "absent":
        service.absent()
    else:
        service.present()
    service.finish()


if __name__ == "__main__":
    main()
