"""Dates and schedules: how far, when next, which days. Times of day are UTC unless an offset stands with them."""

from datetime import date, datetime, timedelta, timezone
from typing import Literal

from coworker_skill import InvalidInput, skill

DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
TEXT = {"type": "string"}
WHOLE = {"type": "integer"}


def shape(**properties):
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": properties}


def read(text):
    """Reads a date, a date and time, or a word for one."""
    now = datetime.now(timezone.utc)
    near = {"now": 0, "today": 0, "tomorrow": 1, "yesterday": -1}.get(text.strip().lower())
    if near is not None:
        moment = now if text.strip().lower() == "now" else now.replace(hour=0, minute=0, second=0, microsecond=0)
        return moment + timedelta(days=near)
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise InvalidInput(f"“{text[:40]}” is no date: write 2026-01-31, 2026-01-31T09:30+01:00, today or now")
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def add_months(moment, months):
    """Moves by calendar months; the 31st becomes the last day of a shorter month."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    following = date(year + month // 11, (month + 1) % 12 + 1, 1)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, (following - timedelta(days=1)).day))


@skill(
    version="1.0.0",
    category="compute",
    when_to_use="A deadline or reminder has to be worked out",
    describe={"start": "A date, a date and time, today or now.", "workdays": "Days that skip Saturdays and Sundays."},
    output=shape(result=TEXT, weekday=TEXT, days_from_today=WHOLE),
)
def add_time(start: str, months: int = 0, weeks: int = 0, days: int = 0, hours: float = 0, workdays: int = 0):
    """Adds months, weeks, days, hours and workdays to a date, in that order; negative numbers go back."""
    if abs(workdays) > 10_000:
        raise InvalidInput("`workdays` goes to 10,000 at most")
    try:
        moment = add_months(read(start), months) + timedelta(weeks=weeks, days=days, hours=hours)
        step = timedelta(days=1 if workdays > 0 else -1)
        while workdays:
            moment += step
            workdays -= step.days * (moment.weekday() < 5)
    except (OverflowError, ValueError):
        raise InvalidInput("the result lies outside of the years 1 to 9999")
    away = (moment.date() - datetime.now(timezone.utc).date()).days
    return {"result": moment.isoformat(), "weekday": DAYS[moment.weekday()], "days_from_today": away}


@skill(
    version="1.0.0",
    category="compute",
    when_to_use="To know how long until or since something",
    describe={"start": "A date, a date and time, today or now.", "end": "The same (default now)."},
    output=shape(days=WHOLE, workdays=WHOLE, hours={"type": "number"}, text=TEXT),
)
def between(start: str, end: str = "now"):
    """Tells how much time lies between two dates, also in workdays (Monday to Friday)."""
    first, last = read(start), read(end)
    sign, (low, high) = (1, (first, last)) if first <= last else (-1, (last, first))
    weeks, rest = divmod((high.date() - low.date()).days, 7)
    workdays = weeks * 5 + sum((low.weekday() + day) % 7 < 5 for day in range(rest))
    span = high - low
    text = f"{span.days} days, {span.seconds // 3600} hours and {span.seconds % 3600 // 60} minutes"
    return {"days": sign * span.days, "workdays": sign * workdays, "hours": round(sign * span.total_seconds() / 3600, 2), "text": text}


@skill(
    version="1.0.0",
    category="compute",
    when_to_use="To lay out meetings, payments or shifts that repeat",
    describe={
        "every": "day, workday, week, month, year or a weekday.",
        "start": "The first possible time (default now).",
        "count": {"minimum": 1, "maximum": 100, "description": "How many (default 5)."},
    },
    output=shape(times={"type": "array", "items": TEXT}),
)
def schedule(every: Literal["day", "workday", "week", "month", "year", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], start: str = "now", count: int = 5):
    """Lists the next times of something that repeats."""
    first, times, step = read(start), [], 0
    try:
        while len(times) < count:
            if every in ("month", "year"):
                moment = add_months(first, step * (12 if every == "year" else 1))
            else:
                moment = first + timedelta(days=step * (7 if every == "week" else 1))
            fits = every not in DAYS or DAYS[moment.weekday()] == every
            if fits and (every != "workday" or moment.weekday() < 5):
                times.append(moment.isoformat(timespec="minutes"))
            step += 1
    except (OverflowError, ValueError):
        raise InvalidInput("the schedule runs beyond the year 9999")
    return {"times": times}
