"""The skill {{name}}."""

from coworker_skill import InvalidInput, skill


@skill(
    name="{{name}}",
    version="0.1.0",
    category="compute",
    when_to_use="Somebody is to be greeted",
    describe={
        "name": "Whom to greet.",
        "times": {"minimum": 1, "maximum": 5, "description": "How often (default once)."},
    },
    output={
        "type": "object",
        "additionalProperties": False,
        "required": ["text"],
        "properties": {"text": {"type": "string", "description": "The greeting."}},
    },
)
def greet(name: str, times: int = 1):
    """Greets somebody by name."""
    if not name.strip():
        raise InvalidInput("`name` is empty")
    return {"text": " ".join([f"Hello, {name}!"] * times)}
