# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reads, replaces and restores the file of a service's definition on a host."""

from __future__ import annotations

import json
import os
import tempfile

from ansible.module_utils.common.text.converters import to_bytes, to_native, to_text

from ansible_collections.conductor.conductor.plugins.module_utils.cli import NOT_ROOT

# The names that conductor reads in a directory of definitions.
ENDINGS = (".yaml", ".yml", ".json", ".toml")


def text_of(service, definition):
    """Returns the text of a definition that is a mapping; equal mappings have equal texts."""
    whole = dict(definition, id=definition.get("id", service))
    return json.dumps(whole, indent=4, sort_keys=True, ensure_ascii=False) + "\n"


def stopped(definition):
    """Returns a definition with no instances: what conductor keeps stopped, also in the next apply and at boot."""
    processes = definition.get("processes")
    if not isinstance(processes, dict):
        return dict(definition, instances=0)
    none = {name: dict(each, instances=0) if isinstance(each, dict) else each for name, each in processes.items()}
    return dict(definition, processes=none)


def ending_of(path):
    """Returns the ending of a definition's file, or None if conductor would not read the file."""
    ending = os.path.splitext(path)[1]
    return ending if ending in ENDINGS else None


class Definition:
    """The files in a directory of definitions that are named after one service."""

    def __init__(self, module, service):
        self._module = module
        self._service = service
        self.directory = module.params["definitions"]
        self._before = {path: self._read(path) for path in self._own() if os.path.isfile(path)}

    def _own(self):
        return [self.path(ending) for ending in ENDINGS]

    def path(self, ending):
        """Returns the path of this service's definition in a format."""
        return os.path.join(self.directory, self._service + ending)

    @property
    def paths(self):
        """Returns the files that existed before."""
        return sorted(self._before)

    def others(self):
        """Returns the files of other names in the directory."""
        try:
            names = sorted(os.listdir(self.directory))
        except FileNotFoundError:
            return []
        except OSError as error:
            self._refused("read", self.directory, error)
        paths = [os.path.join(self.directory, name) for name in names if ending_of(name)]
        return [path for path in paths if path not in self._own()]

    def differs(self, path, text):
        """Returns whether writing this would change anything."""
        return self._before != {path: to_bytes(text)}

    def diff(self, path, text):
        """Returns the diff in Ansible's form; without a text, of removing all files."""
        gone = [
            dict(before_header=old, before=to_text(content), after_header=old + " (removed)", after="")
            for old, content in sorted(self._before.items())
            if old != path
        ]
        if path is None:
            return gone
        before = to_text(self._before.get(path, b""))
        if before == text:
            return gone
        return gone + [dict(before_header=path, before=before, after_header=path, after=text)]

    def write(self, path, text):
        """Replaces all previous files by one definition."""
        try:
            if not os.path.isdir(self.directory):
                os.makedirs(self.directory, 0o755)
            self._replace(path, to_bytes(text))
        except OSError as error:
            self._refused("write", path, error)
        self._unlink(old for old in self._before if old != path)

    def remove(self):
        """Removes the definition."""
        self._unlink(self._before)

    def restore(self):
        """Restores the previous files."""
        for path in self._own():
            if path in self._before:
                if not os.path.exists(path) or self._read(path) != self._before[path]:
                    self._replace(path, self._before[path])
            elif os.path.exists(path):
                os.unlink(path)

    def candidate(self, ending, text):
        """Writes a definition to a temporary directory, where it can be checked."""
        directory = tempfile.mkdtemp(dir=self._module.tmpdir)
        # The file is not named after the service, because that name has not been checked yet.
        path = os.path.join(directory, "definition" + ending)
        with open(path, "wb") as file:
            file.write(to_bytes(text))
        return path

    def _replace(self, path, content):
        """Replaces a file atomically."""
        # Next to the definitions, with a name that conductor does not read.
        temporary = os.path.join(self.directory, ".%s.ansible" % self._service)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._module.atomic_move(temporary, path)

    def _unlink(self, paths):
        for path in paths:
            try:
                os.unlink(path)
            except OSError as error:
                self._refused("remove", path, error)

    def _read(self, path):
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            self._refused("read", path, error)

    def _refused(self, what, path, error):
        """Ends the module with an error of the file system."""
        hint = "" if os.geteuid() == 0 else "\n  hint: " + NOT_ROOT
        self._module.fail_json(msg="cannot %s %s: %s%s" % (what, path, to_native(error.strerror), hint))
