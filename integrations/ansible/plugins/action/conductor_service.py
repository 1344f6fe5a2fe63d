# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Copies the file of a definition to the host before the module conductor_service runs there."""

from __future__ import annotations

import os

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.text.converters import to_native
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Finds src as ansible.builtin.copy does, and decrypts it if it is in a vault."""

    TRANSFERS_FILES = True
    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        del tmp
        arguments = dict(self._task.args)
        src = arguments.get("src")
        in_background = self._task.async_val
        try:
            if src is not None and not boolean(arguments.get("remote_src", False), strict=False):
                # remote_src stays false, so that the module does not show this path to the user.
                arguments["src"] = self._carry(src)
            done = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=in_background)
            result.update(done)
        finally:
            # In the background, the module may not have read the file yet.
            if not in_background:
                self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _carry(self, src):
        try:
            local = self._loader.get_real_file(self._find_needle("files", src))
        except AnsibleError as error:
            raise AnsibleActionFail(to_native(error)) from error
        if self._connection._shell.tmpdir is None:
            self._make_tmp_path()
        # The name is kept, because errors show it and its ending is the format.
        remote = self._connection._shell.join_path(self._connection._shell.tmpdir, os.path.basename(src))
        self._transfer_file(local, remote)
        self._fixup_perms2((self._connection._shell.tmpdir, remote))
        return remote
