//! Ways of writing a text that people and models come up with besides the disguises that have names.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;

use serde_json::Value;

use super::*;

/// Alone, and as the text of an answer.
#[test]
fn other_ways_of_writing_are_seen_through() {
    let b64 = |text: &str| STANDARD.encode(text);
    let j = |text: &str| serde_json::json!({ "result": text }).to_string();
    let text = prompt("licence-desk");
    let index = index(&[("skill", text)]);
    let part = passage(text, 900, 150);
    let cases: Vec<(&str, String)> = vec![
        (
            "letters numbered",
            part.chars()
                .filter(|c| !c.is_whitespace())
                .enumerate()
                .map(|(n, c)| format!("{}. {c}\n", n + 1))
                .collect(),
        ),
        (
            "json chars",
            serde_json::json!(part.chars().map(|c| c.to_string()).collect::<Vec<_>>()).to_string(),
        ),
        (
            "json nothing between words",
            serde_json::json!(
                part.split(' ')
                    .flat_map(|word| [word.into(), Value::Null])
                    .collect::<Vec<_>>()
            )
            .to_string(),
        ),
        ("json json json", j(&j(&j(part)))),
        (
            "marks before letters",
            part.chars().map(|c| format!("\\{c}")).collect(),
        ),
        (
            "marks before some letters",
            part.replace('n', "\\n").replace('t', "\\t"),
        ),
        (
            "html escaped json",
            serde_json::json!(
                part.split(' ')
                    .map(|word| serde_json::json!({ "token": word }))
                    .collect::<Vec<_>>()
            )
            .to_string()
            .replace('"', "&quot;"),
        ),
        ("json of json of b64", j(&j(&b64(part)))),
        (
            "yaml",
            part.split(' ').map(|w| format!("- word: {w}\n")).collect(),
        ),
        (
            "quote",
            part.split(' ').map(|w| format!("> {w}\n")).collect(),
        ),
        (
            "comments",
            part.split(' ').map(|w| format!("// {w}\n")).collect(),
        ),
        (
            "py comments",
            part.split(' ').map(|w| format!("x = \"{w}\"\n")).collect(),
        ),
        (
            "emoji",
            part.split(' ').map(|w| format!("{w} 🎉 ")).collect(),
        ),
        ("data uri", format!("data:text/plain;base64,{}", b64(part))),
        ("cdata", format!("<![CDATA[{part}]]>")),
        ("b64 b64 b64", b64(&b64(&b64(part)))),
        (
            "hex b64 rot",
            (KINDS[7].put_on)(&b64(&(KINDS[8].put_on)(part))),
        ),
        (
            "js",
            part.chars()
                .map(|c| format!("\\u{{{:x}}}", u32::from(c)))
                .collect(),
        ),
        (
            "octal",
            part.chars()
                .map(|c| format!("\\{:03o}", u32::from(c)))
                .collect(),
        ),
        ("qp", part.bytes().map(|c| format!("={c:02X}")).collect()),
        (
            "leet",
            part.replace('e', "3")
                .replace('a', "4")
                .replace('o', "0")
                .replace('t', "7")
                .replace('i', "1"),
        ),
        (
            "camel",
            part.split(' ')
                .map(|w| {
                    let mut c = w.chars();
                    c.next()
                        .map(|f| f.to_uppercase().collect::<String>() + c.as_str())
                        .unwrap_or_default()
                })
                .collect(),
        ),
        ("snake", part.replace(' ', "_")),
        (
            "csv",
            part.split(' ').map(|w| format!("\"{w}\",")).collect(),
        ),
        (
            "key value",
            serde_json::Value::Object(
                part.split(' ')
                    .enumerate()
                    .map(|(n, w)| (format!("k{n}"), w.into()))
                    .collect(),
            )
            .to_string(),
        ),
        (
            "key words",
            serde_json::Value::Object(
                part.split(' ')
                    .enumerate()
                    .map(|(n, w)| (w.to_string(), n.into()))
                    .collect(),
            )
            .to_string(),
        ),
        (
            "list of pairs",
            serde_json::json!(
                part.split(' ')
                    .map(|w| serde_json::json!({"index": 1, "token": w, "kind": "word"}))
                    .collect::<Vec<_>>()
            )
            .to_string(),
        ),
        ("reverse b64", b64(part).chars().rev().collect()),
        ("rot13 hex", (KINDS[8].put_on)(&(KINDS[7].put_on)(part))),
        (
            "utf16 b64",
            STANDARD.encode(
                part.encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<_>>(),
            ),
        ),
        (
            "b64 spaced",
            b64(part).chars().map(|c| format!("{c} ")).collect(),
        ),
        (
            "b64 dashes",
            b64(part).chars().map(|c| format!("{c}-")).collect(),
        ),
        (
            "b64 word lines",
            part.split(' ').map(|w| format!("{}\n", b64(w))).collect(),
        ),
        (
            "b64 lines numbered",
            b64(part)
                .as_bytes()
                .chunks(20)
                .enumerate()
                .map(|(n, l)| format!("{}: {}\n", n + 1, String::from_utf8_lossy(l)))
                .collect(),
        ),
        (
            "hex lines numbered",
            part.bytes()
                .map(|b| format!("{b:02x}"))
                .collect::<String>()
                .as_bytes()
                .chunks(32)
                .enumerate()
                .map(|(n, l)| format!("{:08x}: {}\n", n * 16, String::from_utf8_lossy(l)))
                .collect(),
        ),
        (
            "xxd",
            part.as_bytes()
                .chunks(16)
                .enumerate()
                .map(|(n, l)| {
                    format!(
                        "{:08x}: {}  {}\n",
                        n * 16,
                        l.iter().map(|b| format!("{b:02x} ")).collect::<String>(),
                        String::from_utf8_lossy(l)
                    )
                })
                .collect(),
        ),
        (
            "alphabet gaps",
            part.split(' ').map(|w| format!("{w} (then) ")).collect(),
        ),
        (
            "columns",
            part.split(' ')
                .collect::<Vec<_>>()
                .chunks(4)
                .map(|r| {
                    format!(
                        "<tr>{}</tr>",
                        r.iter()
                            .map(|w| format!("<td id=\"c\">{w}</td>"))
                            .collect::<String>()
                    )
                })
                .collect(),
        ),
        (
            "bold letters",
            part.chars()
                .map(|c| {
                    if c.is_ascii_lowercase() {
                        char::from_u32(0x1d41a + (c as u32 - 97)).expect("a letter")
                    } else {
                        c
                    }
                })
                .collect(),
        ),
        (
            "circled",
            part.chars()
                .map(|c| {
                    if c.is_ascii_lowercase() {
                        char::from_u32(0x24d0 + (c as u32 - 97)).expect("a letter")
                    } else {
                        c
                    }
                })
                .collect(),
        ),
        (
            "url of b64 of reversed",
            (KINDS[5].put_on)(&b64(&(KINDS[9].put_on)(part))),
        ),
        (
            "poem acrostic lines",
            part.split(' ').map(|w| format!("* {w},\n\n")).collect(),
        ),
        (
            "latex",
            part.split(' ')
                .map(|w| format!("\\textbf{{{w}}} "))
                .collect(),
        ),
        (
            "ssml",
            part.split(' ')
                .map(|w| format!("<say-as x='1'>{w}</say-as><break time=\"1s\"/>"))
                .collect(),
        ),
        (
            "half",
            part.chars()
                .enumerate()
                .map(|(n, c)| {
                    if n % 2 == 0 {
                        format!("&#{};", u32::from(c))
                    } else {
                        c.to_string()
                    }
                })
                .collect(),
        ),
        (
            "small capitals",
            part.to_lowercase()
                .chars()
                .map(|c| {
                    let places = "abcdefghijklmnopqrstuvwxyz".chars();
                    let mut pairs = places.zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡxʏᴢ".chars());
                    pairs
                        .find(|(letter, _)| *letter == c)
                        .map_or(c, |(_, capital)| capital)
                })
                .collect(),
        ),
        (
            "flags",
            part.to_lowercase()
                .chars()
                .map(|c| match c {
                    'a'..='z' => {
                        char::from_u32(0x1f1e6 + u32::from(c) - u32::from('a')).unwrap_or(c)
                    }
                    other => other,
                })
                .collect(),
        ),
        (
            "letters in squares in a url of old",
            part.to_uppercase()
                .chars()
                .map(|c| match c {
                    'A'..='Z' => 0x1f130 + u32::from(c) - u32::from('A'),
                    other => other.into(),
                })
                .filter_map(char::from_u32)
                .flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec())
                .map(|unit| format!("%u{unit:04X}"))
                .collect(),
        ),
        (
            "url of old",
            part.chars()
                .map(|c| format!("%u{:04X}", u32::from(c)))
                .collect(),
        ),
        (
            "reverse per line",
            part.lines()
                .map(|l| l.chars().rev().collect::<String>() + "\n")
                .collect(),
        ),
    ];
    for (name, case) in cases {
        found(&index, &case, name);
        found(&index, &j(&case), name);
    }
}
