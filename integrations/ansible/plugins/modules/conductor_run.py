#!/usr/bin/python

# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs a one-off command in the environment of a service."""

from __future__ import annotations

DOCUMENTATION = r"""
module: conductor_run
short_description: Runs a one-off command in the image of a service
version_added: 0.1.0
description:
  - Runs a command with C(conductor run) on a host, with the image, environment, secrets, volumes, user and limits of
    a service. The default revision is the deployed one.
  - The command is not run in a shell.
options:
  id:
    description:
      - The service.
    type: str
    required: true
  command:
    description:
      - The program and its arguments. An argument is text or a whole number; put others in quotes.
    type: list
    elements: raw
    required: true
  revision:
    description:
      - The revision to run, instead of the deployed one. It is text; put a number in quotes.
    type: raw
  env:
    description:
      - Variables in addition to those of the service.
      - They are arguments of C(conductor), so every user of the host can see them while it runs.
      - Their values do not appear in logs. Values of eight or more characters are masked in the result of the task.
      - Values are text or whole numbers; put others in quotes.
    type: dict
  user:
    description:
      - The user to run as, instead of the service's.
    type: str
  memory:
    description:
      - The memory that it may use, instead of the service's limit; V(512M), for example.
    type: str
  cpu:
    description:
      - The number of processors that it may use, instead of the service's limit; V(1.5), for example.
    type: str
  timeout:
    description:
      - The longest time that it may run; V(10min), for example. Then it is ended, and the task fails.
    type: str
  detach:
    description:
      - Whether to return as soon as it runs, with its RV(unit).
    type: bool
    default: false
  stdin:
    description:
      - The standard input of the command.
    type: str
  stdin_add_newline:
    description:
      - Whether to add a newline to O(stdin).
    type: bool
    default: true
  creates:
    description:
      - A path on the host, or a pattern. If such a file exists, the command does not run.
    type: str
  removes:
    description:
      - A path on the host, or a pattern. If no such file exists, the command does not run.
    type: str
extends_documentation_fragment:
  - conductor.conductor.cli
attributes:
  check_mode:
    support: partial
    description: The command is never run.
    details: With O(creates) or O(removes) the task reports whether the command would run; without them it is skipped.
  diff_mode:
    support: none
    description: The changes that a command makes are not known.
notes:
  - If the command ran, the task is changed. Use C(changed_when) to be more exact.
seealso:
  - module: conductor.conductor.conductor_service
  - module: ansible.builtin.command
"""

EXAMPLES = r"""
- name: Count the accounts
  conductor.conductor.conductor_run:
    id: shop
    command: [bin/rails, runner, puts Account.count]
  register: accounts
  changed_when: false

- name: Load the initial data once
  conductor.conductor.conductor_run:
    id: shop
    command: [bin/load, /srv/uploads/first.sql]
    creates: /srv/uploads/first.done
    timeout: 10min

- name: Start a long report without waiting for it
  conductor.conductor.conductor_run:
    id: shop
    command: [bin/report, --year, "2026"]
    memory: 2G
    detach: true
"""

RETURN = r"""
cmd:
  description: The command that was run.
  returned: always
  type: list
  elements: str
rc:
  description: The exit status of the command; 125 if conductor could not run it, 124 if O(timeout) ended it.
  returned: always, unless the arguments are invalid
  type: int
stdout:
  description: The standard output of the command; empty if it did not run.
  returned: always, unless the arguments are invalid
  type: str
stderr:
  description: The standard error of the command; empty if it did not run.
  returned: always, unless the arguments are invalid
  type: str
start:
  description: When it was started.
  returned: when it ran
  type: str
end:
  description: When it ended.
  returned: when it ran
  type: str
delta:
  description: How long it took.
  returned: when it ran
  type: str
unit:
  description: The unit in which the command runs.
  returned: with O(detach)
  type: str
"""

import datetime
import glob

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.conductor.conductor.plugins.module_utils.cli import ARGUMENTS, Answer, Cli
from ansible_collections.conductor.conductor.plugins.module_utils.values import Unsafe, text, word

# Exit statuses of conductor run itself.
BAD_USAGE = 2
TIMED_OUT = 124
REFUSED = 125
NOT_FOUND = 127
# Shorter values are not masked everywhere, because they occur in words and numbers that are not secret.
SECRET = 8
MASK = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def command_line(params, options):
    """Returns the arguments of conductor."""
    arguments = ["run", "--id", params["id"]]
    for option in ("revision", "user", "memory", "cpu", "timeout"):
        if params[option] is not None:
            arguments += ["--" + option, params[option]]
    for name, value in sorted((params["env"] or {}).items()):
        arguments += ["--env", "%s=%s" % (name, value)]
    return arguments + options + ["--"] + params["command"]


def reason_to_skip(params):
    """Returns why the command need not run, or None."""
    if params["creates"] and glob.glob(params["creates"]):
        return "skipped, since %s exists" % params["creates"]
    if params["removes"] and not glob.glob(params["removes"]):
        return "skipped, since %s does not exist" % params["removes"]
    return None


def explain(params, rc, stderr, no_log):
    """Returns why the task failed."""
    last = [] if no_log else stderr.strip().splitlines()[-1:]
    if rc == REFUSED and stderr.strip():
        return stderr.strip()
    if rc == TIMED_OUT and params["timeout"]:
        return "the command did not end within %s" % params["timeout"]
    if rc == NOT_FOUND:
        program = params["command"][0]
        hint = "\n  hint: command is a list: [PROGRAM, ARGUMENT]" if " " in program else ""
        return ": ".join(["there is no program %s" % program] + last) + hint
    return ": ".join(["the command ended with exit status %d" % rc] + last)


def main():
    """Runs the command, unless creates or removes says otherwise."""
    module = AnsibleModule(
        argument_spec=dict(
            ARGUMENTS,
            id=dict(type="str", required=True),
            command=dict(type="list", elements="raw", required=True),
            revision=dict(type="raw"),
            env=dict(type="dict", no_log=True),
            user=dict(type="str"),
            memory=dict(type="str"),
            cpu=dict(type="str"),
            timeout=dict(type="str"),
            detach=dict(type="bool", default=False),
            stdin=dict(type="str"),
            stdin_add_newline=dict(type="bool", default=True),
            creates=dict(type="str"),
            removes=dict(type="str"),
        ),
        mutually_exclusive=[("detach", "stdin")],
        supports_check_mode=True,
    )
    params = module.params
    module.no_log_values = {value for value in module.no_log_values if len(value) >= SECRET}
    masked = dict(params, env=params["env"] and {name: MASK for name in params["env"]})
    invocation = dict(invocation=dict(module_args=masked))
    if not params["command"]:
        module.fail_json(msg="command is empty: it needs a program", **invocation)
    try:
        text("revision", params["revision"])
        params["command"] = [word("command[%d]" % index, each) for index, each in enumerate(params["command"])]
        for name, value in sorted((params["env"] or {}).items()):
            word("env.%s" % name, value)
    except Unsafe as error:
        module.fail_json(msg=str(error), **invocation)
    result = dict(invocation, changed=False, cmd=params["command"])
    reason = reason_to_skip(params)
    if reason:
        module.exit_json(msg=reason, rc=0, stdout="", stderr="", **result)
    if module.check_mode:
        # What a command would change is known only if creates or removes says so.
        result["changed"] = bool(params["creates"] or params["removes"])
        module.exit_json(
            msg="would have run", skipped=not result["changed"], rc=0, stdout="", stderr="", **result
        )

    cli = Cli(module)
    cli.require()
    start = datetime.datetime.now()
    line = cli.command(command_line(params, ["--detach", "--output", "json"] if params["detach"] else []))
    rc, stdout, stderr = module.run_command(
        line,
        data=params["stdin"],
        binary_data=not params["stdin_add_newline"],
    )
    end = datetime.datetime.now()
    result.update(changed=rc != REFUSED, rc=rc, stdout=stdout.rstrip("\r\n"), stderr=stderr.rstrip("\r\n"))
    result.update(start=str(start), end=str(end), delta=str(end - start))
    if params["detach"]:
        answer = Answer(line, rc, stdout, stderr)
        if rc != 0:
            result["changed"] = False
            cli.fail(answer, **result)
        module.exit_json(unit=answer.json["unit"], **result)
    if rc == BAD_USAGE:
        # The status of the command, or conductor's own; a dry run has only conductor's.
        answer = cli.ask(command_line(params, ["--dry-run"]))
        if answer.rc == BAD_USAGE:
            result["changed"] = False
            cli.fail(answer, **result)
    if rc != 0:
        module.fail_json(msg=explain(params, rc, stderr, module.no_log), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
