# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Copies a definition to the host, a file or a template, before the module conductor_service runs there."""

from __future__ import annotations

import os
import tempfile

from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.text.converters import to_bytes, to_native
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.release import __version__

# Whether the lookup of templates takes the option convert_data.
FORMER = tuple(int(part) for part in __version__.split(".")[:2]) < (2, 19)
# The ending of a template's name, besides that of its format.
ENDING = ".j2"


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
            if arguments.get("template") is not None:
                if src is not None or arguments.get("definition") is not None:
                    raise AnsibleActionFail("parameters are mutually exclusive: definition|src|template")
                arguments.update(src=self._render(arguments.pop("template"), task_vars), remote_src=False)
            elif src is not None and not boolean(arguments.get("remote_src", False), strict=False):
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
        return self._send(local, os.path.basename(src))

    def _render(self, template, task_vars):
        """Renders a template as the lookup of that name does, and returns the path of the file on the host."""
        lookup = self._shared_loader_obj.lookup_loader.get(
            "ansible.builtin.template", loader=self._loader, templar=self._templar
        )
        # Before ansible-core 2.19, a text that looks like data would become data.
        options = dict(convert_data=False) if FORMER else {}
        try:
            (text,) = lookup.run([template], variables=task_vars, **options)
        except AnsibleError as error:
            raise AnsibleActionFail(to_native(error)) from error
        if not isinstance(text, str):
            raise AnsibleActionFail("the template %s makes no text, but data: use the filter to_yaml in it" % template)
        descriptor, local = tempfile.mkstemp(dir=C.DEFAULT_LOCAL_TMP)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(to_bytes(text))
            name = os.path.basename(template)
            return self._send(local, name[: -len(ENDING)] if name.endswith(ENDING) else name)
        finally:
            os.unlink(local)

    def _send(self, local, name):
        """Copies a file to the host, and returns its path there."""
        if self._connection._shell.tmpdir is None:
            self._make_tmp_path()
        # The name is kept, because errors show it and its ending is the format.
        remote = self._connection._shell.join_path(self._connection._shell.tmpdir, name)
        self._transfer_file(local, remote)
        self._fixup_perms2((self._connection._shell.tmpdir, remote))
        return remote
