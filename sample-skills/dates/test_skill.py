"""Run with `python -m unittest` (PYTHONPATH=../../guest-sdk/python)."""

import json
import unittest
from datetime import datetime, timezone

import coworker_skill
from coworker_skill import InvalidInput
from skill import add_time, between, schedule


class Dates(unittest.TestCase):
    def test_months_end_where_the_month_ends(self):
        self.assertEqual(add_time("2026-01-31", months=1)["result"], "2026-02-28T00:00:00+00:00")
        self.assertEqual(add_time("2024-01-31", months=1)["result"][:10], "2024-02-29")
        self.assertEqual(add_time("2026-01-15", months=-1)["result"][:10], "2025-12-15")
        self.assertEqual(add_time("2026-10-31", months=1)["result"][:10], "2026-11-30")
        self.assertEqual(add_time("2026-11-30", months=1)["result"][:10], "2026-12-30")
        self.assertEqual(add_time("2024-02-29", months=12)["result"][:10], "2025-02-28")

    def test_workdays_skip_weekends(self):
        self.assertEqual(add_time("2026-01-02", workdays=1)["weekday"], "monday")
        self.assertEqual(add_time("2026-01-05", workdays=-1)["result"][:10], "2026-01-02")
        self.assertEqual(between("2026-01-02", "2026-01-12")["workdays"], 6)

    def test_between_goes_both_ways(self):
        there = between("2026-03-01T12:00", "2026-03-03T13:30")
        self.assertEqual((there["days"], there["hours"], there["text"]), (2, 49.5, "2 days, 1 hours and 30 minutes"))
        self.assertEqual(between("2026-03-03", "2026-03-01")["days"], -2)

    def test_offsets_count(self):
        self.assertEqual(between("2026-01-01T00:00+02:00", "2026-01-01T00:00Z")["hours"], 2)

    def test_a_schedule_repeats(self):
        self.assertEqual([t[:10] for t in schedule("friday", "2026-01-01", 2)["times"]], ["2026-01-02", "2026-01-09"])
        months = [t[:10] for t in schedule("month", "2026-01-31", 3)["times"]]
        self.assertEqual(months, ["2026-01-31", "2026-02-28", "2026-03-31"])
        self.assertEqual([t[8:10] for t in schedule("workday", "2026-01-02", 2)["times"]], ["02", "05"])

    def test_today_is_today(self):
        self.assertEqual(add_time("today")["result"][:10], datetime.now(timezone.utc).date().isoformat())
        self.assertEqual(add_time("tomorrow")["days_from_today"], 1)

    def test_mistakes_are_told(self):
        for call in (lambda: add_time("soon"), lambda: add_time("9999-12-31", days=1), lambda: add_time("today", workdays=10**9)):
            self.assertRaises(InvalidInput, call)
        self.assertEqual(coworker_skill.invoke("between", '{"start":"soon"}')[0], "invalid-input")

    def test_callers_see_three_skills(self):
        self.assertEqual([each["name"] for each in coworker_skill.skills()], ["add-time", "between", "schedule"])
        self.assertEqual(coworker_skill.skills()[0]["input_schema"]["required"], ["start"])
        kind, text = coworker_skill.invoke("schedule", '{"every":"day","start":"2026-01-01","count":1}')
        self.assertEqual((kind, json.loads(text)), ("ok", {"times": ["2026-01-01T00:00+00:00"]}))


if __name__ == "__main__":
    unittest.main()
