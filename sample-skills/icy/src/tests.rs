use super::*;
use coworker_skill::testing;

#[test]
fn she_tells_about_herself_and_topics() {
    assert!(about(None).text.starts_with("I am Icy"));
    assert!(
        about(Some("trust".into()))
            .text
            .starts_with("Every agent starts as untrusted")
    );
    assert!(
        about(Some("quasars".into()))
            .text
            .contains("nothing on “quasars”")
    );
}

#[test]
fn phrases_go_both_ways() {
    let to = |lang: &str, text: &str| translate(text, lang).unwrap().translated;
    assert_eq!(to("ja", "Good morning!"), "おはようございます");
    assert_eq!(to("EN", "谢谢"), "Thank you");
    assert_eq!(to("Korean", "お元気ですか？"), "어떻게 지내세요");
    assert!(translate("hello", "tlh").is_err());
}

#[test]
fn an_unknown_phrase_is_admitted() {
    let said = translate("The mitochondrion is the powerhouse", "zh")
        .unwrap()
        .translated;
    assert!(
        said.contains("do not know") && said.contains("Chinese"),
        "{said}"
    );
}

#[test]
fn every_phrase_finds_its_own_row() {
    let rows = include_str!("phrases.tsv").lines();
    for row in rows.map(|row| row.split('\t').collect::<Vec<_>>()) {
        assert_eq!(row.len(), 4, "{row:?}");
        for (column, cell) in row.iter().enumerate() {
            for form in cell.split('|') {
                assert!(phrases::find(form, column).is_some(), "{form}");
            }
        }
    }
    assert_eq!(phrases::count(), 32);
}

#[test]
fn every_page_is_found_by_its_title() {
    let titles: Vec<_> = help::pages().map(|(title, _)| title).collect();
    assert_eq!(titles.len(), 9);
    for title in titles {
        assert_eq!(help::ranked(title)[0].1, title);
    }
}

#[test]
fn search_ranks_the_page_about_it_first() {
    let hits = search("how does trust work").unwrap().results;
    assert_eq!(hits[0].title, "Trust");
    assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
    assert_eq!(
        search("encrypted messages").unwrap().results[0].title,
        "Privacy"
    );
    assert!(search("zebra").unwrap().results.is_empty());
    assert!(search(" ?! ").is_err());
}

#[test]
fn a_caller_sees_four_skills() {
    let names: Vec<_> = testing::describe()
        .into_iter()
        .map(|skill| skill.name)
        .collect();
    assert_eq!(names, ["about", "ping", "search", "translate"]);
    assert!(ping().pong);
}
