"""The component's side of the boundary: componentize-py starts here. Tests never import it."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import Failure_Failed, Failure_InvalidInput, Manifest, Tier

try:
    # Only a component that was built for a world with models has it.
    from wit_world.imports import llm
except ImportError:
    llm = None

import coworker_skill
import skill  # noqa: F401  registers the skills


def model(slot, variables, options):
    schema = options["schema"]
    wanted = llm.Options(
        temperature=options["temperature"],
        max_tokens=options["max_tokens"],
        output_schema=None if schema is None else json.dumps(schema),
    )
    try:
        return llm.complete(slot, json.dumps(variables, ensure_ascii=False), wanted).text
    except Err as error:
        words = type(error.value).__name__.removeprefix("Error_")
        raise coworker_skill.ModelError("".join("-" + c.lower() if c.isupper() else c for c in words).strip("-"))


if llm is not None:
    coworker_skill.model = model


class Guest(exports.Guest):
    def describe(self):
        return [
            Manifest(
                name=each["name"],
                version=each["version"],
                description=each["description"],
                when_to_use=each["when_to_use"],
                category=each["category"],
                input_schema=json.dumps(each["input_schema"]),
                output_schema=json.dumps(each["output_schema"]),
                min_tier=Tier[each["min_tier"].upper()],
            )
            for each in coworker_skill.skills()
        ]

    def invoke(self, skill, input):
        kind, text = coworker_skill.invoke(skill, input)
        if kind == "ok":
            return text
        raise Err(Failure_InvalidInput(text) if kind == "invalid-input" else Failure_Failed(text))
