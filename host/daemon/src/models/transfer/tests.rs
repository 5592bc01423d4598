use serde_json::json;

use super::*;

#[test]
fn a_complaint_is_told_by_its_kind_and_not_by_its_text() {
    let fault = |status: u16, body: Value| {
        let status = StatusCode::from_u16(status).expect("a status");
        complained(status, body.to_string().as_bytes(), "m")
    };
    let of = |kind: &str, message: &str| json!({"error": {"type": kind, "message": message}});
    assert_eq!(
        fault(401, of("auth", "Incorrect API key provided: sk-abc")),
        Fault::WrongKey(401)
    );
    let unknown = Fault::UnknownModel {
        model: "m".to_owned(),
        status: 404,
    };
    assert_eq!(fault(404, json!({})), unknown);
    assert!(matches!(
        fault(400, of("None", "Invalid model name passed in model=m")),
        Fault::UnknownModel { status: 400, .. }
    ));
    assert_eq!(
        fault(429, of("insufficient_quota", "")),
        Fault::NoCredit(429)
    );
    assert_eq!(fault(429, of("rate_limit", "")), Fault::Busy(429));
    assert_eq!(fault(400, of("content_filter", "")), Fault::Refused);
    let failed = Fault::Failed {
        status: 529,
        word: Some("overloaded_error".to_owned()),
    };
    assert_eq!(fault(529, of("overloaded_error", "the recipe")), failed);
    // A text in the place of a word is none.
    let taken = fault(400, of("You are the recipe of the soup", "the recipe"));
    assert_eq!(
        taken,
        Fault::NotTaken {
            status: 400,
            word: None
        }
    );
    assert_eq!(
        complained(StatusCode::BAD_GATEWAY, b"<html>", "m"),
        Fault::Failed {
            status: 502,
            word: None
        }
    );
}

#[test]
fn a_provider_says_when_to_come_back() {
    let after = |name: &'static str, value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header"));
        retry_after(&headers)
    };
    assert_eq!(after("retry-after", "2"), Some(Duration::from_secs(2)));
    assert_eq!(
        after("retry-after-ms", "1500"),
        Some(Duration::from_millis(1_500))
    );
    assert_eq!(after("retry-after", "soon"), None);
    assert_eq!(after("retry-after", "-1"), None);
    assert_eq!(
        after("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
        Some(Duration::ZERO)
    );
    let year = after("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT").expect("a date");
    assert!(year > Duration::from_secs(365 * 24 * 3_600));
    assert_eq!(retry_after(&HeaderMap::new()), None);
}

#[test]
fn what_is_kept_of_an_event_ends_with_it() {
    for (text, left) in [
        ("data: x", 7),
        ("data: x\n", 8),
        ("data: x\n\ndata", 4),
        ("data: x\r\n\r\ndata", 5),
        ("data: x\r\rdata", 4),
        ("data: x\r\ndata: y\r\n", 18),
        ("\n\n: alive\n\n", 0),
    ] {
        let mut whole = Begun::default();
        assert_eq!(whole.grow(text.as_bytes()), left, "{text:?}");
        // However it is cut.
        let mut bytes = Begun::default();
        let last = text
            .as_bytes()
            .chunks(1)
            .map(|byte| bytes.grow(byte))
            .last();
        assert_eq!(last, Some(left), "{text:?}");
    }
}
