# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Options that every module has: how to call conductor."""

from __future__ import annotations


class ModuleDocFragment:
    """The documentation that the modules share."""

    DOCUMENTATION = r"""
options:
  executable:
    description:
      - The program C(conductor) on the host, as a path, or as a name that is searched for in E(PATH),
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
      - A directory on the host with unit templates that replace the built-in ones.
      - Use the same one in every task.
    type: path
requirements:
  - conductor on the host; the role P(conductor.conductor.conductor#role) installs it
author:
  - The conductor authors (@conductor)
"""
