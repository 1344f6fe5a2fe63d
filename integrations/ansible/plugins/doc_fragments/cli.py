# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Options of every module: how conductor is called."""

from __future__ import annotations


class ModuleDocFragment:
    """What the modules share in their documentation."""

    DOCUMENTATION = r"""
options:
  executable:
    description:
      - The program C(conductor) on the host, as a path or as a name that is looked up in E(PATH),
        C(/usr/local/bin) and C(/usr/bin).
    type: str
    default: conductor
  definitions:
    description:
      - The directory of definitions on the host.
    type: path
    default: /etc/conductor/services
  templates:
    description:
      - A directory on the host with unit templates to use in place of the built-in ones.
      - Use the same one in every task.
    type: path
requirements:
  - conductor on the host; the role P(conductor.conductor.conductor#role) installs it
author:
  - The conductor authors (@conductor)
"""
