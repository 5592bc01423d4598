//! Outputs as the prompts of the tests ask for them, filled with sentences that others wrote about such things.

use std::path::PathBuf;

use serde_json::json;

/// Sentences from texts that others wrote.
struct Sentences<'a> {
    all: Vec<&'a str>,
    next: usize,
}

impl<'a> Sentences<'a> {
    fn of(texts: &'a [(PathBuf, String)]) -> Self {
        let plain = |line: &&str| {
            (40..300).contains(&line.len())
                && line.starts_with(|c: char| c.is_ascii_alphabetic())
                && line.contains(' ')
                // Manual pages are shown, not as their source.
                && !line.contains('\\')
        };
        let all = texts
            .iter()
            .flat_map(|(_, text)| text.lines().map(str::trim).filter(plain).take(8));
        Self {
            all: all.collect(),
            next: 0,
        }
    }

    fn one(&mut self) -> &'a str {
        // A step that meets them all before it meets one again, most of the time.
        self.next = (self.next + 7) % self.all.len().max(1);
        self.all
            .get(self.next)
            .copied()
            .unwrap_or("nothing more to say")
    }

    fn some(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| self.one())
            .collect::<Vec<_>>()
            .join(". ")
            + "."
    }
}

/// Returns outputs with the prompt that each is of.
pub(super) fn outputs(texts: &[(PathBuf, String)], count: usize) -> Vec<(&'static str, String)> {
    let mut say = Sentences::of(texts);
    (0..count)
        .map(|n| match n % 6 {
            0 => ("readme-review", readme(&mut say, n)),
            1 => ("manual-pages", manual(&mut say)),
            2 => ("python-answers", python(&mut say, n)),
            3 => ("licence-desk", licence(&mut say, n)),
            4 => ("incident-letters", letter(&mut say, n)),
            _ => ("kitchen-ru", kitchen(n)),
        })
        .collect()
}

fn readme(say: &mut Sentences<'_>, n: usize) -> String {
    let stumbles: String = (0..3).map(|_| format!("- {}\n", say.some(2))).collect();
    format!(
        "Stars: {}\nFirst impression: {}\nStumbles:\n{stumbles}Keep: {}\n",
        (n % 11) as f64 / 2.0,
        say.one(),
        say.one()
    )
}

fn manual(say: &mut Sentences<'_>) -> String {
    let mut page = format!(
        "NAME\n       shelve - checks and shelves a tape\n\nSYNOPSIS\n       shelve --tape ID [--dry-run]\n\nDESCRIPTION\n       {}\n\nOPTIONS\n",
        say.some(4)
    );
    for option in [
        "--tape",
        "--shelf",
        "--dry-run",
        "--since",
        "--verify",
        "--quiet",
        "--jobs",
    ] {
        page += &format!("       {option}\n              {} [none]\n", say.one());
    }
    page + &format!(
        "\nEXIT STATUS\n       0, 1, 2 or 75\n\nEXAMPLES\n       shelve --tape DEMO-0001\n\nSEE ALSO\n       unshelve(1)\n\nBUGS\n       {}\n---\nRemarks for the engineer:\n- {}?\n",
        say.one(),
        say.one()
    )
}

fn python(say: &mut Sentences<'_>, n: usize) -> String {
    let kind = ["BROKEN", "SLOW", "HOW", "WHY", "WHICH"][n % 5];
    json!({
        "kind": kind,
        "answer": say.some(5),
        "code": "from pathlib import Path\n\nfor line in Path(\"data.csv\").read_text().splitlines():\n    print(line)\n",
        "follow_up": say.one(),
    })
    .to_string()
}

fn licence(say: &mut Sentences<'_>, n: usize) -> String {
    format!(
        "{}: {}\n\n| package | version | light | finding | way out |\n|---|---|---|---|---|\n| serde | 1.0 | green | declared and actual licence agree | - |\n| left | 0.{n} | red | {} | replace |\n\nBefore you ship {}\n\nThis is an engineering review and not legal advice; your counsel decides.\n",
        40 + n % 17,
        say.one(),
        say.one(),
        say.some(3),
    )
}

fn letter(say: &mut Sentences<'_>, n: usize) -> String {
    format!(
        "LETTER\nSubject: Over: berth bookings work again since {:02}:{:02}\n\n{}\n\nWe are sorry that {}\n\n{}\n\nWe changed {}\n\nYou can reach the duty manager until six in the morning.\n\nNOTE TO THE DUTY MANAGER\n- {}\n- credit promised by sales, see ledger\n",
        n % 24,
        n % 60,
        say.some(3),
        say.some(2),
        say.some(3),
        say.some(2),
        say.one(),
    )
}

fn kitchen(n: usize) -> String {
    let dishes = [
        "Гречневые блины",
        "Суп из фасоли",
        "Рыба на пару",
        "Рисовая лапша",
        "Тёплый салат",
    ];
    let notes = [
        "соус подать отдельно",
        "спросить о лактозе",
        "не ставить рядом с хлебом",
        "подавать горячим",
    ];
    format!(
        "{}\nСостав: гречневая мука, рисовая мука, вода, соль, номер {n}\nОфицианту: {}\n",
        dishes[n % dishes.len()],
        notes[n % notes.len()],
    )
}

/// Returns outputs of ten kilobytes, one of each kind.
pub(super) fn of_ten_kilobytes(texts: &[(PathBuf, String)]) -> Vec<(&'static str, String)> {
    let mut say = Sentences::of(texts);
    let filled = |write: &mut dyn FnMut() -> String| {
        let mut text = String::new();
        while text.len() < 10_000 {
            text += &write();
        }
        let mut end = 10_000;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text
    };
    let prose = filled(&mut || say.some(6) + "\n\n");
    let review = filled(&mut || readme(&mut say, 3));
    let items: Vec<_> = (0..12)
        .map(|n| json!({"id": n, "score": 0.5, "date": "2024-05-06", "text": say.some(6)}))
        .collect();
    let document =
        json!({ "result": prose.get(..9_900).unwrap_or_default().replace(". ", ".\n\"so\" ") })
            .to_string();
    let html = filled(&mut || format!("<p class=\"x\">{} &amp; {}</p>\n", say.one(), say.one()));
    let code = filled(&mut || {
        let words: String = say.one().chars().filter(char::is_ascii).take(30).collect();
        let number = say.next;
        format!("    let value_{number} = parse(&bytes[0x1f..], \"{words}\")?; // 100%\n")
    });
    let mut table = filled(&mut || format!("| {} | 12.50 | 2024-01-02 | A1B2 |\n", say.one()));
    table.truncate(10_000);
    let russian = filled(&mut || kitchen(7));
    vec![
        ("prose", prose),
        ("a review", review),
        ("JSON", serde_json::Value::from(items).to_string()),
        ("JSON with one text", document),
        ("HTML", html),
        ("code", code),
        ("a table", table),
        ("Russian", russian),
    ]
}
