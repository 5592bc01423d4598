"""Run with `python -m unittest` (PYTHONPATH=../../guest-sdk/python)."""

import json
import unittest

import coworker_skill
from coworker_skill import Failed, InvalidInput
from skill import cover, mail_desk, uncover

MAIL = "> your last mail\nI am ann@example.org, call +49 (30) 123 45-67 about DE44 5001 0517 5407 3249 31.\nann@example.org"


class MailDesk(unittest.TestCase):
    def setUp(self):
        self.asked = []
        self.reply = "Dear [MAIL-1], we call [PHONE-3]. [CARD-9]"
        coworker_skill.model = self.model

    def model(self, slot, variables, options):
        self.asked.append((slot, variables, options))
        return json.dumps({"category": "question", "urgent": False, "reply": self.reply})

    def test_nothing_private_reaches_the_model_and_it_is_put_back(self):
        answer = mail_desk(MAIL)
        slot, variables, options = self.asked[0]
        self.assertEqual(slot, "skill")
        self.assertEqual(variables["mail"], "I am [MAIL-1], call [PHONE-3] about [ACCOUNT-2].\n[MAIL-1]")
        self.assertEqual(options["schema"]["required"], ["category", "urgent", "reply"])
        self.assertEqual(answer["reply"], "Dear ann@example.org, we call +49 (30) 123 45-67.")
        self.assertEqual((answer["category"], answer["hidden"]), ("question", 3))

    def test_numbers_that_are_nobodys_stay(self):
        for text in ["order 4711 of 2026-01-31", "3.5 kg for 20 people", "[MAIL-1] is what I wrote"]:
            self.assertEqual(cover(text)[1], {})
        self.assertEqual(uncover("a [CARD-2] b", {}), "a  b")

    def test_nothing_is_asked_about_nothing(self):
        with self.assertRaises(InvalidInput):
            mail_desk("> only\n> quoted\n")
        self.assertEqual(self.asked, [])

    def test_what_fails_is_told(self):
        self.reply = " "
        with self.assertRaises(Failed):
            mail_desk("Hello?")

        def refuse(slot, variables, options):
            raise coworker_skill.ModelError("unavailable")

        coworker_skill.model = refuse
        self.assertEqual(
            coworker_skill.invoke("mail-desk", '{"mail": "Hello?"}'), ("failed", "no model can be reached now")
        )


if __name__ == "__main__":
    unittest.main()
