#!/usr/bin/python

# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Removes the services of a host that are not defined, or not to be kept."""

from __future__ import annotations

DOCUMENTATION = r"""
module: conductor_purge
short_description: Removes services that are not defined
version_added: 0.1.0
description:
  - Calls C(conductor apply --prune) on a host, so all definitions there are applied, and services and processes without
    a definition are stopped and their units removed.
  - With O(keep), definitions of all other services are removed first.
  - Volumes and other data stay.
options:
  keep:
    description:
      - The services and applications to keep. Definitions of others are removed, and then the others.
      - A name that is neither defined nor on the host is an error, because it may be a slip for one that is.
      - Without it, only what has no definition on the host is removed.
    type: list
    elements: str
  lock_timeout:
    description:
      - How long to wait for another conductor process on the host, as a systemd time span. V(0) fails at once.
    type: str
    default: 10min
extends_documentation_fragment:
  - conductor.conductor.cli
attributes:
  check_mode:
    support: full
    description: Returns the steps of a real run.
  diff_mode:
    support: full
    description: Shows the diff of definitions and of unit files.
seealso:
  - module: conductor.conductor.conductor_service
"""

EXAMPLES = r"""
- name: Remove what somebody else left on the host
  conductor.conductor.conductor_purge:

- name: Remove all services that are not in the inventory
  conductor.conductor.conductor_purge:
    keep: "{{ services | map(attribute='id') | list }}"
"""

RETURN = r"""
removed:
  description: The services that were removed; in check mode, those that would be.
  returned: success
  type: list
  elements: str
files:
  description: The definitions that were removed, or would be.
  returned: success
  type: list
  elements: str
steps:
  description: The steps that conductor carried out; in check mode, those that it would carry out.
  returned: success
  type: list
  elements: str
"""

import os
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_native, to_text

from ansible_collections.conductor.conductor.plugins.module_utils.cli import ARGUMENTS, NOT_ROOT, Cli
from ansible_collections.conductor.conductor.plugins.module_utils.definition import ending_of


class Purge:
    """The definitions and the services of a host, and what is to go."""

    def __init__(self, module):
        self.module = module
        self.directory = module.params["definitions"]
        self.cli = Cli(module)
        if self.cli.path is None and module.check_mode:
            module.warn("conductor is not on this host yet, so nothing is known of its services")
            module.exit_json(changed=False, removed=[], files=[], steps=[])
        self.cli.require()

    def _paths(self):
        try:
            names = sorted(os.listdir(self.directory))
        except FileNotFoundError:
            return []
        return [os.path.join(self.directory, name) for name in names if ending_of(name)]

    def gone(self, keep):
        """Returns the files of services that are not to be kept."""
        defined = {}
        for path in self._paths():
            answer = self.cli.ask(["check", path])
            if not answer.ok:
                self.cli.fail(answer)
            defined[path] = set(answer.json["applications"]) or set(answer.json["services"])
        status = self.cli.ask(["status"])
        if not status.ok:
            self.cli.fail(status)
        known = {each.get("application") or each["id"] for each in status.json["services"]}.union(*defined.values())
        unknown = sorted(keep - known)
        if unknown:
            self.module.fail_json(
                msg="keep names what is neither defined nor on this host: %s\nhint: define it before the purge, or leave it out"
                % ", ".join(unknown)
            )
        for path, ids in defined.items():
            if ids & keep and ids - keep:
                self.module.fail_json(
                    msg="%s defines %s, and not all of them are to be kept\nhint: give each service a file of its own"
                    % (path, ", ".join(sorted(ids)))
                )
        return [path for path, ids in defined.items() if not ids & keep]

    def apply(self, options, directory=None):
        """Lets conductor apply a directory, and remove what is not defined there."""
        lock = ["--lock-timeout", self.module.params["lock_timeout"]]
        return self.cli.ask(["apply", "--prune"] + lock + options, directory)

    def plan(self, gone):
        """Returns the plan without some files."""
        if not gone:
            return self.apply(["--dry-run"])
        directory = tempfile.mkdtemp(dir=self.module.tmpdir)
        for path in self._paths():
            if path not in gone:
                shutil.copy(path, directory)
        # The copies belong to the connected user.
        return self.apply(["--dry-run", "--allow-unsafe-permissions"], directory).rename(directory, self.directory)

    def carry_out(self, gone):
        """Removes the files, and what they defined. If nothing changed, the files stay."""
        for path in gone:
            os.rename(path, path + ".purged")
        answer = self.apply([])
        back = not answer.ok and answer.changed_nothing
        for path in gone:
            if back:
                os.rename(path + ".purged", path)
            else:
                os.unlink(path + ".purged")
        if not answer.ok:
            self.cli.fail(answer, changed=bool(answer.json.get("changed")) or bool(gone) and not back)
        return answer


def read(path):
    """Returns the text of a file for a diff."""
    with open(path, "rb") as file:
        return to_text(file.read())


def main():
    """Reads the arguments, and carries them out."""
    module = AnsibleModule(
        argument_spec=dict(
            ARGUMENTS,
            keep=dict(type="list", elements="str"),
            lock_timeout=dict(type="str", default="10min"),
        ),
        supports_check_mode=True,
    )
    keep = module.params["keep"]
    if keep is not None and not keep:
        module.fail_json(msg="keep is empty: that would remove everything\n  hint: leave it out, or run conductor remove --all")
    purge = Purge(module)
    try:
        gone = [] if keep is None else purge.gone(set(keep))
        diff = [dict(before_header=path, before=read(path), after_header=path + " (removed)", after="") for path in gone]
        answer = purge.plan(gone)
        if not answer.ok:
            purge.cli.fail(answer)
        if answer.json["diff"]:
            diff.append(dict(prepared=answer.json["diff"]))
        if not module.check_mode:
            answer = purge.carry_out(gone)
    except OSError as error:
        hint = "" if os.geteuid() == 0 else "\n  hint: " + NOT_ROOT
        module.fail_json(msg="cannot purge %s: %s%s" % (module.params["definitions"], to_native(error.strerror), hint))
    services = answer.json["services"]
    result = dict(
        changed=bool(gone) or answer.json["changed"],
        removed=[each["id"] for each in services if each["revision"] is None],
        files=gone,
        steps=answer.steps,
    )
    if module._diff and diff:
        result["diff"] = diff
    module.exit_json(**result)


if __name__ == "__main__":
    main()
