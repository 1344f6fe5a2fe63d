#!/usr/bin/python

# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Defines, deploys, starts, stops, rolls back or removes a service on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: conductor_service
short_description: Defines, deploys, starts, stops and removes services with conductor
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
      - V(started) is V(present), and needs no definition if the host has one. What was stopped by hand is started. A
        service without instances is an error.
      - V(stopped) writes O(definition) with C(instances) 0, and applies it. So the service stays stopped, also in the next
        C(apply) or deploy and after a reboot, and its upstream stays in the proxy, marked as down. Its revision is kept. Its
        jobs go on; see M(conductor.conductor.conductor_job). V(started) with the same O(definition) starts it again.
      - V(restarted) starts the instances anew, each time, without downtime. The service must be on the host.
      - V(rolled_back) goes back to the release that is kept on the host for O(revision). Without O(revision), it goes back
        to the release that the current one replaced, each time.
      - V(absent) stops the service and removes its units and its definition.
    type: str
    choices: [present, started, stopped, deployed, restarted, rolled_back, absent]
    default: present
  definition:
    description:
      - The definition as a mapping. C(id) is optional.
      - It is written as JSON, to C(ID.json) in O(definitions).
      - Variables in C(env) appear in the log of the task, like all its arguments. Use C(secrets), or C(no_log) on the
        task.
      - Numbers in place of text, such as V(1.10) for a revision, are refused, because YAML changes them to V(1.1). Text in
        place of whole numbers is accepted, because Jinja makes text of numbers before ansible-core 2.19.
    type: dict
  src:
    description:
      - A file with the definition, in YAML, JSON or TOML. It is searched for as by M(ansible.builtin.copy).
      - It is written unchanged to C(ID.yaml), C(ID.yml), C(ID.json) or C(ID.toml) in O(definitions). The service in it
        must be O(id).
    type: path
  template:
    description:
      - A Jinja template of such a file on the machine that runs Ansible. It is searched for as by
        M(ansible.builtin.template). The ending C(.j2) of its name is left out.
    type: path
  remote_src:
    description:
      - Whether O(src) is on the host already.
    type: bool
    default: false
  revision:
    description:
      - The revision to deploy, an image tag or C(sha256:DIGEST). With O(state=rolled_back) the revision to go back to, or
        C(REVISION.DIGEST) as C(conductor status) shows it.
      - Required with O(state=deployed); only allowed there and with O(state=rolled_back).
      - It is text. A number is refused, because YAML changes V(1.10) to V(1.1).
    type: raw
  pull:
    description:
      - Overrides C(pull) in the definition, whose default is V(missing).
      - V(missing) pulls images that the engine of the host does not have.
      - V(always) pulls images each time. If the name of an image means another one than that which runs, the instances
        are replaced.
      - V(never) pulls no images. If the engine does not have one, the task fails and changes nothing.
      - It is only allowed with O(state=present), O(state=started) and O(state=deployed).
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

- name: Run a service that is defined in templates/shop.yaml.j2
  conductor.conductor.conductor_service:
    id: shop
    template: shop.yaml.j2

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

- name: Keep a service stopped
  conductor.conductor.conductor_service:
    id: shop
    state: stopped
    definition: "{{ shop }}"

- name: Start it again
  conductor.conductor.conductor_service:
    id: shop
    state: started
    definition: "{{ shop }}"

- name: Go back to a revision
  conductor.conductor.conductor_service:
    id: shop
    state: rolled_back
    revision: v41

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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.conductor.conductor.plugins.module_utils.cli import ARGUMENTS
from ansible_collections.conductor.conductor.plugins.module_utils.service import Service
from ansible_collections.conductor.conductor.plugins.module_utils.values import Unsafe, text


# The states that take a definition, and those that pull images.
DEFINED = ("present", "started", "stopped", "deployed")
PULLED = ("present", "started", "deployed")


def refuse_contradictions(module):
    """Fails if an argument has no meaning with the state."""
    params, state = module.params, module.params["state"]
    try:
        text("revision", params["revision"])
    except Unsafe as error:
        module.fail_json(msg=str(error))
    if params["revision"] is not None and state not in ("deployed", "rolled_back"):
        module.fail_json(msg="revision needs state=deployed or state=rolled_back; with state=present, set it in the definition")
    if params["src"] is not None and state == "stopped":
        module.fail_json(
            msg="state=stopped needs definition, and not a file: it writes instances: 0 into the definition, so that the "
            "next apply and a reboot do not start the service\n  hint: set definition, or write instances: 0 into the file"
        )
    if state not in DEFINED and state != "absent" and (params["definition"] is not None or params["src"] is not None):
        module.fail_json(msg="state=%s takes no definition; write it with state=present first" % state)
    if params["pull"] and state not in PULLED:
        module.fail_json(msg="pull needs state=present, state=started or state=deployed")


def main():
    """Reads the arguments, and carries them out."""
    module = AnsibleModule(
        argument_spec=dict(
            ARGUMENTS,
            id=dict(type="str", required=True),
            state=dict(type="str", choices=["present", "started", "stopped", "deployed", "restarted", "rolled_back", "absent"], default="present"),
            definition=dict(type="dict"),
            src=dict(type="path"),
            template=dict(type="path"),
            remote_src=dict(type="bool", default=False),
            revision=dict(type="raw"),
            pull=dict(type="str", choices=["missing", "always", "never"]),
            wait=dict(type="bool", default=True),
            wait_timeout=dict(type="int", default=60),
            lock_timeout=dict(type="str", default="10min"),
        ),
        add_file_common_args=True,
        mutually_exclusive=[("definition", "src", "template")],
        required_if=[
            ("state", "present", ("definition", "src", "template"), True),
            ("state", "stopped", ("definition", "src", "template"), True),
            ("state", "deployed", ("revision",)),
        ],
        supports_check_mode=True,
    )
    refuse_contradictions(module)
    service = Service(module)
    if module.params["state"] == "absent":
        service.absent()
    else:
        service.present()
    service.finish()


if __name__ == "__main__":
    main()
