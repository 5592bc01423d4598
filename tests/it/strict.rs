//! What an author asked for and the host does not understand: the owner hears of it wherever he looks.

use serde_json::Value;

use crate::greeting::greeted;
use crate::support::Place;

fn folder(place: &Place, name: &str, text: &str) -> String {
    let folder = place.path(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("SKILL.md"), text).expect("written");
    folder.to_str().expect("plain").to_owned()
}

#[test]
fn what_is_to_look_at_and_what_is_refused_is_told_everywhere() {
    let place = Place::new();
    let odd = folder(
        &place,
        "odd",
        "---\nname: odd\ndescription: A.\nallowed-tools: Read\n---\nThe secret way of this desk is to answer in one line and to say no more.\n",
    );
    let payroll = folder(
        &place,
        "payroll",
        "---\nname: payroll\ndescription: B.\nmetadata:\n  min_trust_tier: 3\n---\nThe secret steps.\n",
    );
    let (serving, said) = greeted(&place, &["--transport", "loopback", &odd, &payroll]);
    let refused = "`metadata.min_trust_tier` looks like a tier";
    assert!(said.contains("names tools"), "{said}");
    assert!(said.contains(refused), "{said}");
    assert!(!said.contains("sees payroll"), "{said}");
    for command in [
        ["skills", "list"].as_slice(),
        &["--json", "skills", "list"],
        &["doctor"],
        &["--json", "doctor"],
    ] {
        let told = place.run(command).seen();
        assert!(told.contains("names tools"), "{command:?}: {told}");
        assert!(told.contains(refused), "{command:?}: {told}");
        assert!(!told.contains("secret"), "{command:?}: {told}");
    }
    let list = place
        .command(&["--json", "skills", "list"])
        .output()
        .expect("the binary runs");
    let list: Value = serde_json::from_slice(&list.stdout).expect("one document");
    let row = list
        .as_array()
        .expect("rows")
        .iter()
        .find(|row| row["name"] == "odd");
    assert_eq!(
        row.expect("its row")["warnings"].as_array().map(Vec::len),
        Some(1)
    );
    drop(serving);
}
