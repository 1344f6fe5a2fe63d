#!/usr/bin/python

# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Returns what conductor runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: conductor_info
short_description: Returns the status of the services on a host
version_added: 0.1.0
description:
  - Returns the output of C(conductor status --output json), and the version of C(conductor).
options:
  id:
    description:
      - Only this service. If nothing of it is on the host, the list is empty.
    type: str
extends_documentation_fragment:
  - conductor.conductor.cli
attributes:
  check_mode:
    support: full
    description: This module never changes anything.
  diff_mode:
    support: none
    description: This module never changes anything.
seealso:
  - module: conductor.conductor.conductor_service
"""

EXAMPLES = r"""
- name: Read the status
  conductor.conductor.conductor_info:
    id: hello
  register: hello

- name: Check that three instances are healthy
  ansible.builtin.assert:
    that: hello.services[0].instances | selectattr('healthy') | length == 3
"""

RETURN = r"""
version:
  description: The version of conductor.
  returned: success
  type: str
  sample: 0.1.0
services:
  description: The services on the host.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The name of the service.
      type: str
    revision:
      description: The current revision.
      type: str
    instances:
      description: The instances, each with C(unit), C(instance), C(port), C(active_state), C(healthy), C(status) and more.
      type: list
      elements: dict
    releases:
      description: The current release, followed by those that are kept for a rollback.
      type: list
      elements: dict
    jobs:
      description: The jobs, each with C(name), C(unit), C(timer), C(enabled), C(next), C(last), C(result) and more.
      type: list
      elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.conductor.conductor.plugins.module_utils.cli import ARGUMENTS, Cli


def main():
    """Returns the status."""
    module = AnsibleModule(
        argument_spec=dict(ARGUMENTS, id=dict(type="str")),
        supports_check_mode=True,
    )
    cli = Cli(module)
    cli.require()
    only = module.params["id"]
    answer = cli.ask(["status"] + (["--id", only] if only else []))
    if not answer.ok and answer.kind != "unknown_service":
        cli.fail(answer)
    version = module.run_command([cli.path, "--version"], check_rc=True)[1].split()[1]
    module.exit_json(changed=False, version=version, services=answer.json.get("services", []))


if __name__ == "__main__":
    main()
