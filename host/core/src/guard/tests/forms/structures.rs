//! Lists and documents.

use serde_json::{Value, json};

use super::Disguise;
use super::write::*;

/// Marks of lists, and of quotes and comments.
pub(super) const LISTS: &[Disguise] = &[
    form("1.", |t| words(t, |n, w| format!("{}. {w}\n", n + 1))),
    form("a)", |t| {
        words(t, |n, w| format!("{}) {w}\n", letter('a', n, 26)))
    }),
    form("(a)", |t| {
        words(t, |n, w| format!("({}) {w}\n", letter('a', n, 26)))
    }),
    form("(a) in a row", |t| {
        words(t, |n, w| format!("({}) {w} ", letter('a', n, 26)))
    }),
    form("A.", |t| {
        words(t, |n, w| format!("{}. {w}\n", letter('A', n, 26)))
    }),
    form("iv.", |t| {
        words(t, |n, w| format!("{}. {w}\n", ROMAN[n % ROMAN.len()]))
    }),
    form("①", |t| {
        words(t, |n, w| format!("{} {w}\n", letter('①', n, 20)))
    }),
    form("❶", |t| {
        words(t, |n, w| format!("{} {w}\n", letter('❶', n, 10)))
    }),
    form("а)", |t| {
        words(t, |n, w| format!("{}) {w}\n", letter('а', n, 32)))
    }),
    form("α.", |t| {
        words(t, |n, w| format!("{}. {w}\n", letter('α', n, 17)))
    }),
    form("ア、", |t| {
        words(t, |n, w| format!("{}、{w}\n", letter('ア', n * 2, 40)))
    }),
    form("가.", |t| {
        words(t, |n, w| format!("{}. {w}\n", HANGUL[n % HANGUL.len()]))
    }),
    form("أ-", |t| {
        words(t, |n, w| format!("{}- {w}\n", ABJAD[n % ABJAD.len()]))
    }),
    form("क)", |t| {
        words(t, |n, w| format!("{}) {w}\n", letter('क', n, 20)))
    }),
    form("一、", |t| {
        words(t, |n, w| format!("{}、{w}\n", HAN[n % HAN.len()]))
    }),
    form("•", |t| words(t, |_, w| format!("• {w}\n"))),
    form("- [ ]", |t| words(t, |_, w| format!("- [ ] {w}\n"))),
    form("- [x]", |t| words(t, |_, w| format!("- [x] {w}\n"))),
    form("> ", |t| words(t, |_, w| format!("> {w}\n"))),
    form("// ", |t| words(t, |_, w| format!("// {w}\n"))),
    form("# ", |t| words(t, |_, w| format!("# {w}\n"))),
    form("REM ", |t| words(t, |_, w| format!("REM {w}\n"))),
    form("| |", |t| words(t, |_, w| format!("| {w} |\n"))),
    form("step by step", |t| {
        words(t, |n, w| format!("Step {}: {w}\n", n + 1))
    }),
    form("one word a line", |t| words(t, |_, w| format!("{w}\n"))),
    form("letters after a)", |t| {
        numbered(t, |n, c| format!("{}) {c}\n", letter('a', n, 26)))
    }),
    form("bold", |t| words(t, |_, w| format!("**{w}** "))),
];

/// Structure, whole and in part.
pub(super) const STRUCTURES: &[Disguise] = &[
    form("a JSON string", |t| json!({ "result": t }).to_string()),
    form("a JSON array of words", |t| {
        json!(t.split_whitespace().collect::<Vec<_>>()).to_string()
    }),
    form("a JSON array of characters", |t| {
        json!(t.chars().map(String::from).collect::<Vec<_>>()).to_string()
    }),
    form("prose before JSON", |t| {
        format!("Here it is, as you asked:\n\n{}\n", object(t))
    }),
    form("a pipe of 5\" before JSON", |t| {
        format!("A 5\" pipe, then. {}\n", object(t))
    }),
    form("JSON in a fence", |t| {
        format!("```json\n{:#}\n```\nAnything else?", Value::from(object(t)))
    }),
    form("JSON lines", |t| {
        words(t, |n, w| json!({ "n": n, "w": w }).to_string() + "\n")
    }),
    form("JSON lines with a noise key", |t| {
        words(t, |n, w| {
            json!({ format!("k{n}zq"): NOISE[n % NOISE.len()], "w": w }).to_string() + "\n"
        })
    }),
    form("a noise key for every word", |t| {
        object_of(t, |n, w| {
            (format!("{}{n}qz", NOISE[n % NOISE.len()]), w.to_owned())
        })
    }),
    form("noise keys in many objects", |t| {
        words(t, |n, w| {
            json!({ format!("{}{n}", NOISE[n % NOISE.len()]): w }).to_string() + ", "
        })
    }),
    form("keys for values", |t| {
        object_of(t, |n, w| (w.to_owned(), NOISE[n % NOISE.len()].to_owned()))
    }),
    form("keys of numbers", |t| {
        object_with(t, |n, w| (w.to_owned(), Value::from(n)))
    }),
    form("keys of truths", |t| {
        words(t, |_, w| json!({ w: true }).to_string())
    }),
    form("values and noise", |t| {
        json!(
            t.split_whitespace()
                .enumerate()
                .flat_map(|(n, w)| [w.to_owned(), NOISE[n % NOISE.len()].to_owned()])
                .collect::<Vec<_>>()
        )
        .to_string()
    }),
    form("objects with noise", |t| {
        objects(
            t,
            |n, w| json!({ "noise": NOISE[n % NOISE.len()], "id": n, "word": w }),
        )
    }),
    form("JSON in JSON", |t| {
        json!({ "a": json!({ "b": t }).to_string() }).to_string()
    }),
    form("JSON in JSON in a fence", |t| {
        format!("Sure:\n```\n{}\n```", json!({ "a": object(t) }))
    }),
    form("JSON that breaks off", |t| {
        object(t).trim_end_matches(['}', '"']).to_owned()
    }),
    form("values cut in two", |t| {
        let half = |w: &str| {
            let c: Vec<char> = w.chars().collect();
            let (a, b) = c.split_at(c.len() / 2);
            [a.iter().collect::<String>(), b.iter().collect()]
        };
        json!(t.split_whitespace().map(half).collect::<Vec<_>>()).to_string()
    }),
    form("a dict of Python", |t| {
        words(t, |n, w| format!("{{'k{n}': '{w}'}}, "))
    }),
    form("YAML", |t| {
        words(t, |n, w| format!("- id: {n}\n  word: {w}\n"))
    }),
    form("YAML with noise keys", |t| {
        words(t, |n, w| format!("{}{n}: {w}\n", NOISE[n % NOISE.len()]))
    }),
    form("YAML with noise", |t| {
        words(t, |n, w| {
            format!("- noise: {}\n  word: {w}\n", NOISE[n % NOISE.len()])
        })
    }),
    form("TOML", |t| words(t, |n, w| format!("key{n}x = \"{w}\"\n"))),
    form("TOML with noise", |t| {
        words(t, |n, w| {
            format!(
                "[[row]]\nnoise = \"{}\"\nword = \"{w}\"\n",
                NOISE[n % NOISE.len()]
            )
        })
    }),
    form("INI", |t| {
        words(t, |n, w| format!("{}.{n}={w}\n", NOISE[n % NOISE.len()]))
    }),
    form("headers", |t| {
        words(t, |n, w| {
            format!("X-{}-{n}: {w}\r\n", NOISE[n % NOISE.len()])
        })
    }),
    form("CSV", |t| {
        words(t, |n, w| format!("{n},{w},{}\n", NOISE[n % NOISE.len()]))
    }),
    form("CSV in quotes", |t| {
        words(t, |n, w| {
            format!("\"{n}\",\"{w}\",\"{}\"\n", NOISE[n % NOISE.len()])
        })
    }),
    form("TSV", |t| {
        words(t, |n, w| format!("{}\t{w}\n", NOISE[n % NOISE.len()]))
    }),
    form("a table", |t| {
        words(t, |n, w| format!("| {} | {w} |\n", NOISE[n % NOISE.len()]))
    }),
    form("XML elements", |t| words(t, |_, w| format!("<w>{w}</w>\n"))),
    form("XML elements with noise", |t| {
        words(t, |n, w| {
            format!(
                "<row><noise>{}</noise><word>{w}</word></row>\n",
                NOISE[n % NOISE.len()]
            )
        })
    }),
    form("XML attributes", |t| {
        words(t, |n, w| format!("<w id=\"{n}\" t=\"{w}\"/>\n"))
    }),
    form("XML attributes with noise", |t| {
        words(t, |n, w| {
            format!("<w noise=\"{}\" t=\"{w}\"/>\n", NOISE[n % NOISE.len()])
        })
    }),
    form("noise in long tags", |t| {
        words(t, |n, w| {
            format!(
                "<span class=\"{}\">{w}</span> ",
                NOISE[n % NOISE.len()].repeat(80)
            )
        })
    }),
    form("comments between", |t| {
        words(t, |n, w| {
            format!("{w}<!-- {} -->", NOISE[n % NOISE.len()].repeat(40))
        })
    }),
    form("links", |t| {
        words(t, |n, w| {
            format!("[{w}](https://example.org/{}) ", NOISE[n % NOISE.len()])
        })
    }),
    form("assignments", |t| {
        words(t, |n, w| {
            format!("let {}{n} = \"{w}\";\n", NOISE[n % NOISE.len()])
        })
    }),
    form("S-expressions", |t| {
        words(t, |n, w| {
            format!("({}{n} \"{w}\")\n", NOISE[n % NOISE.len()])
        })
    }),
    form("a query", |t| words(t, |n, w| format!("k{n}={w}&"))),
    form("LaTeX", |t| words(t, |_, w| format!("\\textbf{{{w}}} "))),
];
