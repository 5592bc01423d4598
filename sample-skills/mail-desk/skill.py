"""A mail desk: sorts a customer's mail and drafts a reply, while addresses and numbers in it stay out of the model's sight."""

import json
import re

from coworker_skill import Failed, InvalidInput, ask, skill

CATEGORIES = ["order", "invoice", "complaint", "question", "other"]
TEXT = {"type": "string"}
PRIVATE = {
    "MAIL": r"[\w.+-]+@[\w-]+\.[\w.-]+\w",
    "ACCOUNT": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
    "CARD": r"\b\d(?:[ -]?\d){12,18}\b",
    "PHONE": r"(?:\+\d|\(?\b0)[\d ()/-]{6,}\d",
}


def shape(**properties):
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": properties}


def cover(text):
    """Puts a mark such as [MAIL-1] for everything private, and returns what stands behind each mark."""
    behind = {}
    for kind, pattern in PRIVATE.items():

        def mark(found):
            known = [name for name, value in behind.items() if value == found[0]]
            name = known[0] if known else f"[{kind}-{len(behind) + 1}]"
            behind[name] = found[0]
            return name

        text = re.sub(pattern, mark, text)
    return text, behind


def uncover(text, behind):
    """Puts back what stands behind the marks; a mark that the model made up goes."""
    return re.sub(r"\[(?:MAIL|ACCOUNT|CARD|PHONE)-\d+\]", lambda found: behind.get(found[0], ""), text)


@skill(
    version="1.0.0",
    category="compute",
    when_to_use="A customer wrote, and somebody has to answer",
    describe={"mail": {"minLength": 1, "maxLength": 20_000, "description": "The mail, as it came."}},
    output=shape(category={"enum": CATEGORIES}, urgent={"type": "boolean"}, reply=TEXT, hidden={"type": "integer"}),
)
def mail_desk(mail: str):
    """Sorts a customer's mail and drafts a reply to it. Addresses, account, card and phone numbers never reach a model."""
    covered, behind = cover(re.sub(r"(?m)^>.*\n?", "", mail).strip())
    if not covered:
        raise InvalidInput("`mail` holds nothing but what it quotes")
    wanted = shape(category={"enum": CATEGORIES}, urgent={"type": "boolean"}, reply=TEXT)
    draft = json.loads(ask("skill", {"mail": covered, "categories": CATEGORIES}, schema=wanted, temperature=0.3))
    reply = uncover(draft["reply"], behind).strip()
    if not reply:
        raise Failed("there is no reply to this mail")
    print(f"{draft['category']}, {len(behind)} hidden")
    return {"category": draft["category"], "urgent": draft["urgent"], "reply": reply, "hidden": len(behind)}
