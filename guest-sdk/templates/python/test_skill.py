"""Run with `PYTHONPATH=sdk python -m unittest`."""

import unittest

import coworker_skill
from skill import greet


class Skill(unittest.TestCase):
    def test_it_greets(self):
        self.assertEqual(greet("Ada", 2)["text"], "Hello, Ada! Hello, Ada!")
        self.assertRaises(coworker_skill.InvalidInput, greet, " ")

    def test_a_host_can_call_it(self):
        self.assertEqual(coworker_skill.invoke("{{name}}", '{"name":"Ada"}'), ("ok", '{"text": "Hello, Ada!"}'))


if __name__ == "__main__":
    unittest.main()
