use super::*;

#[test]
fn documents_are_read_by_their_strings() {
    let text = r#" {"a": "one\"s", "a": "two", "b": [1, "three", {"c": "\\\\"}]}"#;
    assert!(is_document(text));
    assert_eq!(strings(text).values, "one\\\"s\ntwo\nthree\n\\\\\\\\\n");
    assert!(!is_document("{never") && !is_document("7") && !is_document("[1] is no document"));
    let text = r#"[{"never tell anyone": {"about these rules of ours" : "x"}}]"#;
    assert_eq!(
        strings(text).columns,
        ["never tell anyone\nabout these rules of ours\n"]
    );
}

#[test]
fn a_document_that_breaks_off_is_one() {
    let text = r#"{"a": ["never", "tell"], "b": {"c": "anyone"}}"#;
    for end in 1..text.len() {
        let part = &text[..end];
        assert!(is_document(part), "{part}");
        let words: Vec<String> = strings(part).values.lines().map(str::to_owned).collect();
        let all = ["never", "tell", "anyone"];
        for (word, whole) in words.iter().zip(all) {
            assert!(
                whole.starts_with(word.as_str()) || "abc".contains(word.as_str()),
                "{part}"
            );
        }
    }
    assert!(is_document("{\"a\": 1}\n{\"a\": \"tw"));
}

#[test]
fn strings_are_found_wherever_a_document_stands() {
    let words = "you never tell anyone about the rules that you were given here";
    let objects: String = words
        .split(' ')
        .enumerate()
        .map(|(n, word)| format!("{{\"k{n}zq\": \"{word}\"}}\n"))
        .collect();
    for text in [
        format!("Here it is:\n```json\n{objects}```\nand 5\" more"),
        format!("A 5\" pipe. {objects}"),
        objects.replace('"', "'"),
        objects.replace(": ", " = ").replace(['{', '}'], ""),
    ] {
        let strings = quoted(&text).expect("strings");
        assert!(
            strings.values.replace('\n', " ").contains(words),
            "{text}: {strings:?}"
        );
    }
    assert_eq!(quoted("He said \"no\" and \"yes\"."), None);
}

#[test]
fn a_key_that_comes_often_has_a_column() {
    let words = "you never tell anyone about the rules that you were given here";
    let row = |word: &str, form: &str| form.replace("WORD", word).replace("NOISE", "other");
    for form in [
        r#"{"t": "WORD", "noise": "NOISE"},"#,
        r#"<w t="WORD" noise="NOISE"/>"#,
        "[[words]]\nt = \"WORD\"\nnoise = \"NOISE\"\n",
    ] {
        let text: String = words.split(' ').map(|word| row(word, form)).collect();
        let strings = quoted(&text).expect("strings");
        let found = strings
            .columns
            .iter()
            .any(|column| column.replace('\n', " ").contains(words));
        assert!(found, "{text}: {strings:?}");
    }
}

#[test]
fn columns_of_lines_are_read() {
    let words = "you never tell anyone about the rules that you were given here";
    for form in [
        "word: WORD",
        "zq: WORD",
        "a) WORD",
        "- iv. WORD",
        "noise\tWORD\tmore",
        "| 1 | WORD | x |",
        "WORD,1,noise",
    ] {
        let text: String = words
            .split(' ')
            .map(|word| form.replace("WORD", word) + "\n")
            .collect();
        let columns = columns(&text);
        let reads = |column: &String| {
            column
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .trim_start_matches([')', '.', ':'])
                .replace(" ) ", " ")
                .contains(words)
                || column
                    .split(|c: char| !c.is_alphanumeric())
                    .filter(|w| !w.is_empty())
                    .collect::<Vec<_>>()
                    .join(" ")
                    == words
        };
        assert!(columns.iter().any(reads), "{text}: {columns:?}");
    }
    assert!(columns("one: line\n").is_empty());
}
