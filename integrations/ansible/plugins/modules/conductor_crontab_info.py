#!/usr/bin/python

# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Converts the crontabs of a host to definitions."""

from __future__ import annotations

DOCUMENTATION = r"""
module: conductor_crontab_info
short_description: Converts crontabs to definitions
version_added: 0.1.0
description:
  - Returns the output of C(conductor cron import), definitions with the jobs of crontabs on a host. It changes nothing.
  - A conversion happens once. Save the definitions among your files, run them with
    M(conductor.conductor.conductor_service), and remove the lines from the crontab, or cron runs them as well.
options:
  src:
    description:
      - Crontabs on the host, and directories with them, such as C(/etc/cron.d).
    type: list
    elements: path
    required: true
  system:
    description:
      - Whether each line names a user, as in C(/etc/crontab) and in C(/etc/cron.d).
    type: bool
    default: false
  owner:
    description:
      - The user of a crontab without names of users. By default, the one that the file in C(/var/spool/cron) is named
        after.
    type: str
  id:
    description:
      - The id of the service. By default, the name of the file.
    type: str
  run_id:
    description:
      - Whether root's lines that call C(conductor run --id ID) become jobs of the service C(ID).
    type: bool
    default: false
  pam:
    description:
      - Whether jobs have a session of PAM, as under cron.
    type: bool
    default: false
  mail:
    description:
      - Whether the output of jobs is mailed, as by cron.
    type: bool
    default: true
  allow_left_out:
    description:
      - Whether the task succeeds if a line cannot be converted. The line is in RV(left_out), and a warning.
    type: bool
    default: false
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
- name: Convert the crontabs of packages
  conductor.conductor.conductor_crontab_info:
    src: [/etc/cron.d]
    system: true
  register: crontabs

- name: Save the definitions beside the playbook
  ansible.builtin.copy:
    content: "{{ item.text }}"
    dest: "files/{{ item.id }}.yaml"
    mode: "0644"
  loop: "{{ crontabs.definitions }}"
  delegate_to: localhost
"""

RETURN = r"""
definitions:
  description: The definitions, each with C(id) and C(text), the text of a file in YAML.
  returned: success
  type: list
  elements: dict
left_out:
  description: The lines that cannot be converted, each with C(message), C(hint), C(file) and C(line).
  returned: always, unless conductor reports errors
  type: list
  elements: dict
notes:
  description: What is to be known of the conversion, in the same form.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.conductor.conductor.plugins.module_utils.cli import ARGUMENTS, Cli, error_text


def command_line(params):
    """Returns the arguments of conductor."""
    flags = [flag for key, flag in (("system", "--system"), ("run_id", "--run-id"), ("pam", "--pam")) if params[key]]
    flags += [] if params["mail"] else ["--no-mail"]
    for option in ("owner", "id"):
        if params[option]:
            flags += ["--" + option, params[option]]
    return ["cron", "import"] + flags + ["--"] + params["src"]


def main():
    """Returns the definitions."""
    module = AnsibleModule(
        argument_spec=dict(
            ARGUMENTS,
            src=dict(type="list", elements="path", required=True),
            system=dict(type="bool", default=False),
            owner=dict(type="str"),
            id=dict(type="str"),
            run_id=dict(type="bool", default=False),
            pam=dict(type="bool", default=False),
            mail=dict(type="bool", default=True),
            allow_left_out=dict(type="bool", default=False),
        ),
        supports_check_mode=True,
    )
    cli = Cli(module)
    cli.require()
    answer = cli.ask(command_line(module.params))
    if "definitions" not in answer.json:
        cli.fail(answer)
    found = {key: answer.json[key] for key in ("definitions", "left_out", "notes")}
    texts = [error_text(each) for each in found["left_out"]]
    if texts and not module.params["allow_left_out"]:
        hint = "\n  hint: with allow_left_out the rest is returned"
        module.fail_json(msg="cannot convert:\n" + "\n".join(texts) + hint, left_out=found["left_out"])
    for text in texts:
        module.warn("not converted: %s" % text)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
