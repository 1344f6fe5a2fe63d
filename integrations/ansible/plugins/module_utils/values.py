# Copyright: the conductor authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Values of playbooks, which YAML or Jinja has changed: numbers for text, and text for whole numbers."""

from __future__ import annotations

import re

WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
# A text that no field for an amount accepts, such as limits.cpu or a time span.
WORD = "v1"


class Unsafe(Exception):
    """A value whose text is lost, or that is no text."""

    def __init__(self, path, value):
        super().__init__(describe(path, value))


def describe(path, value):
    """Returns what is wrong with a value in place of a text, and what to write."""
    if isinstance(value, bool):
        return '%s: expected text, found a boolean\n  hint: put it in quotes, such as "yes"' % path
    if isinstance(value, (int, float)):
        return (
            "%s: expected text, found the number %s; YAML changes numbers, for example 1.10 to 1.1 and 010 to 8"
            '\n  hint: put it in quotes, such as "1.10"; in a template, use the filter string' % (path, value)
        )
    found = {dict: "a dictionary", list: "a list"}.get(type(value), "nothing")
    return "%s: expected text, found %s" % (path, found)


def text(path, value):
    """Returns a value that must be text, or None; a number is refused, because its text is lost."""
    if value is None or isinstance(value, str):
        return value
    raise Unsafe(path, value)


def word(path, value):
    """Returns a value that is text or a whole number as text. A fraction is refused, because its text is lost."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Unsafe(path, value)


def by_schema(value, schema):
    """Returns a definition with whole numbers in place of text where conductor expects no text.

    Jinja makes text of all numbers before ansible-core 2.19.

    Raises Unsafe for a number where conductor expects text.
    """
    text("revision", value.get("revision"))
    return _Schema(schema).adapt(value, schema, "")


class _Schema:
    """The JSON Schema of a definition, as C(conductor schema) prints it."""

    def __init__(self, whole):
        self.definitions = whole.get("$defs", {})

    def resolve(self, schema):
        """Returns the schemas that a value may fit, without references."""
        reference = schema.get("$ref")
        if reference:
            schema = self.definitions.get(reference.rpartition("/")[2], {})
        if "anyOf" in schema:
            return [each for inner in schema["anyOf"] for each in self.resolve(inner)]
        return [schema]

    def adapt(self, value, schema, path):
        """Returns a value, and all in it, as the schema expects it."""
        schemas = self.resolve(schema)
        if isinstance(value, dict):
            return {key: self.adapt(inner, _inside(schemas, key), _join(path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            inside = next((each["items"] for each in schemas if "items" in each), {})
            return [self.adapt(inner, inside, "%s[%d]" % (path, index)) for index, inner in enumerate(value)]
        types = set()
        for each in schemas:
            found = each.get("type", [])
            types.update([found] if isinstance(found, str) else found)
        if isinstance(value, str) and "integer" in types and "string" not in types and WHOLE.fullmatch(value):
            return int(value)
        if isinstance(value, float) and any(_is_text(each) for each in schemas):
            raise Unsafe(path, value)
        return value


def _is_text(schema):
    """Returns whether a number is taken as text there, and not as an amount."""
    found = schema.get("type", [])
    return "string" in found and "number" in found and re.search(schema.get("pattern", ""), WORD) is not None


def _inside(schemas, key):
    """Returns the schema of a key in a mapping."""
    for schema in schemas:
        if key in schema.get("properties", {}):
            return schema["properties"][key]
        if isinstance(schema.get("additionalProperties"), dict):
            return schema["additionalProperties"]
    # An unknown key, or one that may have any value.
    return {}


def _join(path, key):
    return "%s.%s" % (path, key) if path else str(key)
