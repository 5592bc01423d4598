//! What skills remember, by whom they remember it for, and how much of it there may be.

use super::*;
use coworker_core::CallerKey;

#[tokio::test]
async fn one_callers_state_is_not_anothers() {
    states(store()).await;
}

#[tokio::test]
async fn sizes_of_state_are_those_of_what_was_put_also_under_a_seal() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut home = crate::home::Home::create(&folder.path().join("home")).expect("a home");
    home.unseal(&coworker_core::Secret::new("a"))
        .expect("a seal");
    let options = StoreOptions {
        seal: home.seal().cloned(),
        ..StoreOptions::default()
    };
    states(Store::open(&folder.path().join("a.db"), options).expect("a store")).await;
}

async fn states(store: Store) {
    let area = |skill: &str, caller: Option<&str>| AreaRow {
        skill: skill.to_owned(),
        caller: caller.map(|key| CallerKey(key.to_owned())),
    };
    let (ann, bob, shared) = (
        area("notes", Some("ann")),
        area("notes", Some("bob")),
        area("notes", None),
    );
    let put = |area: &AreaRow, key: &str, value: Option<&str>| StateWriteRow {
        area: area.clone(),
        key: key.to_owned(),
        value: value.map(|text| text.as_bytes().to_vec()),
    };
    let writes = vec![
        put(&ann, "k/1", Some("a")),
        put(&ann, "k/2", Some("bb")),
        put(&bob, "k/1", Some("c")),
        put(&shared, "x", Some("d")),
    ];
    super::put(&store, writes).await.expect("writes");
    let get = |area: &AreaRow, key: &str| store.state_get(area.clone(), key.to_owned());
    assert_eq!(
        get(&ann, "k/1").await.expect("a value"),
        Some(b"a".to_vec())
    );
    assert_eq!(
        get(&bob, "k/1").await.expect("a value"),
        Some(b"c".to_vec())
    );
    assert_eq!(get(&shared, "k/1").await.expect("a value"), None);
    assert_eq!(
        get(&area("other", Some("ann")), "k/1")
            .await
            .expect("a value"),
        None
    );
    let listed = store
        .state_list(ann.clone(), "k/".to_owned())
        .await
        .expect("keys");
    assert_eq!(listed, [("k/1".to_owned(), 1), ("k/2".to_owned(), 2)]);
    assert!(
        store
            .state_list(ann.clone(), "K".to_owned())
            .await
            .expect("keys")
            .is_empty()
    );
    let writes = vec![put(&ann, "k/1", Some("longer")), put(&ann, "k/2", None)];
    super::put(&store, writes).await.expect("writes");
    let used = store.state_used(ann.clone()).await.expect("a sum");
    assert_eq!((used.caller.0, used.skill.0), (3 + 6 + 64, 73 + 68 + 66));
}

#[tokio::test]
async fn state_cannot_outgrow_a_caller_nor_a_skill() {
    let store = store();
    let put = |caller: u32, size: usize| {
        let write = StateWriteRow {
            area: AreaRow {
                skill: "notes".to_owned(),
                caller: Some(CallerKey(caller.to_string())),
            },
            key: "k".to_owned(),
            value: (size > 0).then(|| vec![0; size]),
        };
        super::put(&store, vec![write])
    };
    assert!(matches!(
        put(0, 1 << 20).await,
        Err(StoreError::StateFull {
            limit: Bytes(1_048_576),
            ..
        })
    ));
    for caller in 0..16 {
        put(caller, (1 << 20) - 65).await.expect("just enough");
    }
    assert!(matches!(
        put(16, 1).await,
        Err(StoreError::StateFull {
            limit: Bytes(16_777_216),
            ..
        })
    ));
    put(3, 0).await.expect("less");
    put(16, 1).await.expect("there is room again");
}
