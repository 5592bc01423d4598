"""Write a coworker-host skill in Python: mark a typed function with `@skill`.

The docstring is the description, the annotated arguments are the input, `print` goes to the skill's log. The module
runs under plain Python too, so that tests call the functions themselves.
"""

import inspect
import json
import traceback
import types
import typing

_SKILLS = {}


class InvalidInput(Exception):
    """An input that makes no sense; callers see the text."""


class Failed(Exception):
    """Work that failed; callers see the text, but of no other exception."""


class ModelError(Failed):
    """A model gave no answer; `kind` is no-such-slot, invalid-request, unavailable, limit-reached or rejected."""

    def __init__(self, kind):
        self.kind = kind
        super().__init__(_REASONS.get(kind, "no model can be reached now"))


_REASONS = {
    "no-such-slot": "no model is set up for this",
    "invalid-request": "the model cannot be asked that",
    "unavailable": "no model can be reached now",
    "limit-reached": "this call has used up its share of the model",
    "rejected": "the model's answer may not be passed on",
}

# What answers `ask`: in a host the owner's model, in a test whatever the test puts here, a function of slot, variables
# and options.
model = None


def ask(slot, variables, schema=None, temperature=None, max_tokens=None):
    """Asks the model behind `slot`, a private text of the owner's, and returns what it writes. Needs the grant `llm` and
    the world `skill-llm`.

    `variables` is a dict of JSON values; it reaches the model as data, never as text of the prompt. With a `schema` the
    answer is JSON text that passes it.
    """
    if model is None:
        raise ModelError("unavailable")
    return model(slot, variables, {"schema": schema, "temperature": temperature, "max_tokens": max_tokens})


def skill(*, output, name=None, version=None, when_to_use=None, category=None, min_tier="known", describe=None):
    """Makes a skill of a function.

    `output` is the JSON Schema of what it returns, `describe` maps arguments to a sentence each (or to a schema of
    their own). An argument with a default is optional.
    """
    if min_tier not in ("untrusted", "known", "internal", "privileged"):
        raise ValueError(f"no tier is called {min_tier!r}")

    def mark(function):
        if not inspect.getdoc(function):
            raise ValueError(f"{function.__name__} needs a docstring: it is the description that callers read")
        called = name or function.__name__.replace("_", "-")
        _SKILLS[called] = {
            "name": called,
            "version": version,
            "description": inspect.getdoc(function),
            "when_to_use": when_to_use,
            "category": category,
            "input_schema": _input(function, describe or {}),
            "output_schema": output,
            "min_tier": min_tier,
            "run": function,
        }
        return function

    return mark


def skills():
    """Returns all skills in the order of their names."""
    return [_SKILLS[name] for name in sorted(_SKILLS)]


def invoke(name, text):
    """Runs a skill: JSON in, `(kind, JSON or reason)` out, where kind is `ok`, `invalid-input` or `failed`."""
    found = _SKILLS.get(name)
    if found is None:
        return "failed", "no such skill in this component"
    try:
        return "ok", json.dumps(found["run"](**json.loads(text)), ensure_ascii=False, allow_nan=False)
    except InvalidInput as error:
        return "invalid-input", str(error)
    except Failed as error:
        return "failed", str(error)
    except Exception:
        print(traceback.format_exc())
        return "failed", "the skill failed"


def _input(function, describe):
    properties, required = {}, []
    hints = typing.get_type_hints(function)
    for argument in inspect.signature(function).parameters.values():
        if argument.name not in hints:
            raise ValueError(f"{function.__name__}: give `{argument.name}` a type; its schema is published")
        schema = _schema(hints[argument.name])
        told = describe.get(argument.name, {})
        schema.update({"description": told} if isinstance(told, str) else told)
        properties[argument.name] = schema
        if argument.default is inspect.Parameter.empty:
            required.append(argument.name)
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _schema(hint):
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_schema(part) for part in inner]}
    if origin is typing.Literal:
        return {**_schema(type(inner[0])), "enum": list(inner)}
    if origin is list:
        return {"type": "array", "items": _schema(inner[0])}
    words = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", list: "array"}
    words[type(None)] = "null"
    kind = words.get(origin or hint)
    if kind is None:
        raise ValueError(f"{hint!r} has no JSON Schema here: use str, int, float, bool, list, dict or Literal")
    return {"type": kind}
