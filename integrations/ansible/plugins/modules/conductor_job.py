#!/usr/bin/python

# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Pauses, resumes or runs a scheduled job of a service."""

from __future__ import annotations

DOCUMENTATION = r"""
module: conductor_job
short_description: Pauses, resumes and runs the scheduled jobs of a service
version_added: 0.1.0
description:
  - Calls C(conductor cron pause), C(conductor cron resume) or C(conductor cron run-now) on a host.
options:
  id:
    description:
      - The service.
    type: str
    required: true
  name:
    description:
      - The job, a key below C(cron) in the definition.
    type: str
    required: true
  state:
    description:
      - V(paused) keeps the clock from running the job. C(apply), a deploy and a reboot keep the pause. A run that is
        active goes on.
      - V(resumed) lets the clock run it again. Times that passed meanwhile are not caught up on.
      - V(ran) runs the job now, each time, and waits for its end. If the job fails, the task fails.
    type: str
    choices: [paused, resumed, ran]
    required: true
  lock_timeout:
    description:
      - How long to wait for another conductor process on the host, as a systemd time span. V(0) fails at once. A run
        waits for none.
    type: str
    default: 10min
extends_documentation_fragment:
  - conductor.conductor.cli
attributes:
  check_mode:
    support: full
    description: The job is not run.
  diff_mode:
    support: none
    description: A pause changes no text of a unit.
seealso:
  - module: conductor.conductor.conductor_service
  - module: conductor.conductor.conductor_crontab_info
"""

EXAMPLES = r"""
- name: Keep a job from running while its data moves
  conductor.conductor.conductor_job:
    id: shop
    name: orders
    state: paused

- name: Run it now
  conductor.conductor.conductor_job:
    id: shop
    name: orders
    state: ran

- name: Let it run by the clock again
  conductor.conductor.conductor_job:
    id: shop
    name: orders
    state: resumed
"""

RETURN = r"""
steps:
  description: The steps that conductor carried out; in check mode, those that it would carry out.
  returned: unless the job ran
  type: list
  elements: str
  sample: [disable conductor-shop-orders.timer in timers.target]
unit:
  description: The unit of the job.
  returned: when it ran
  type: str
output:
  description: What the job wrote.
  returned: when it ran
  type: list
  elements: str
rc:
  description: The exit status of the job; if conductor failed, that of conductor.
  returned: when it ran, or on failure
  type: int
hint:
  description: The hint of the first error; may be null.
  returned: when conductor reports errors
  type: str
errors:
  description: All errors, each with C(message) and C(hint).
  returned: when conductor reports errors
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.conductor.conductor.plugins.module_utils.cli import ARGUMENTS, Cli

VERBS = dict(paused="pause", resumed="resume", ran="run-now")


def run(module, cli, command):
    """Runs the job, and fails if it does."""
    answer = cli.ask(command)
    if "output" not in answer.json:
        cli.fail(answer)
    ended = answer.json
    result = dict(changed=True, unit=ended["unit"], output=ended["output"], rc=ended["exit_status"])
    if not answer.ok:
        last = [] if module.no_log else ["  | %s" % line for line in ended["output"][-20:]]
        name = "%s of %s" % (module.params["name"], module.params["id"])
        how = "%s, exit status %s" % (ended["result"], ended["exit_status"])
        module.fail_json(msg="\n".join(["the job %s failed: %s" % (name, how)] + last), **result)
    module.exit_json(**result)


def main():
    """Reads the arguments, and carries them out."""
    module = AnsibleModule(
        argument_spec=dict(
            ARGUMENTS,
            id=dict(type="str", required=True),
            name=dict(type="str", required=True),
            state=dict(type="str", choices=sorted(VERBS), required=True),
            lock_timeout=dict(type="str", default="10min"),
        ),
        supports_check_mode=True,
    )
    params = module.params
    cli = Cli(module)
    if cli.path is None and module.check_mode:
        module.warn("conductor is not on this host yet, so the job was not looked for")
        module.exit_json(changed=True)
    cli.require()
    command = ["cron", VERBS[params["state"]], "--id", params["id"], params["name"]]
    if params["state"] == "ran" and not module.check_mode:
        run(module, cli, command)
    if params["state"] != "ran":
        command += ["--lock-timeout", params["lock_timeout"]]
    answer = cli.ask(command + (["--dry-run"] if module.check_mode else []))
    if not answer.ok:
        cli.fail(answer)
    module.exit_json(changed=answer.json["changed"], steps=answer.steps)


if __name__ == "__main__":
    main()
