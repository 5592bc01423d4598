"""The component's side of the boundary: componentize-py starts here. Tests never import it."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import Failure_Failed, Failure_InvalidInput, Manifest, Tier

import coworker_skill
import skill  # noqa: F401  registers the skills


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
