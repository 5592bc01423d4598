//! Which outgoing requests a grant allows: exact scheme, host and port, a path below the prefix, and a listed method.
//!
//! A path is normalised once, and what was compared is what is sent. Spellings that two programs read in two ways
//! (encoded slashes, backslashes, encoded dots behind an encoded percent sign) are refused, not repaired.

use coworker_core::HttpGrant;
use http::{Method, Uri};

/// Returns the address to ask if the grant allows this request: `uri` with its path normalised.
pub fn allows(grant: &HttpGrant, method: &Method, uri: &Uri) -> Option<Uri> {
    if !grant
        .methods
        .iter()
        .any(|allowed| allowed == method.as_str())
    {
        return None;
    }
    let wanted: Uri = grant.url.parse().ok()?;
    if origin(&wanted)? != origin(uri)? {
        return None;
    }
    let prefix = normal_path(wanted.path())?;
    let path = normal_path(uri.path())?;
    if !below(&path, &prefix) {
        return None;
    }
    let path = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    Uri::builder()
        .scheme(uri.scheme_str()?)
        .authority(uri.authority()?.as_str())
        .path_and_query(path)
        .build()
        .ok()
}

/// Scheme, host and port, the way two of them are compared.
fn origin(uri: &Uri) -> Option<(&'static str, String, u16)> {
    let (scheme, usual) = match uri.scheme_str()? {
        "http" => ("http", 80),
        "https" => ("https", 443),
        _ => return None,
    };
    let authority = uri.authority()?;
    // A name and password in front of the host are how an address is made to look like another.
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return None;
    }
    let port = match authority.port() {
        Some(port) => port.as_str().parse().ok()?,
        None if authority.as_str().ends_with(':') => return None,
        None => usual,
    };
    Some((scheme, authority.host().to_ascii_lowercase(), port))
}

/// Decodes what needs no encoding and removes dot segments, or returns nothing for a path of two meanings.
fn normal_path(path: &str) -> Option<String> {
    let path = if path.is_empty() { "/" } else { path };
    if !path.starts_with('/') || path.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'\\') {
        return None;
    }
    let plain = decode_unreserved(path)?;
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = plain.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if dots_with_parameters(segment) {
            return None;
        }
        match segment {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                kept.pop()?;
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    Some(format!("/{}", kept.join("/")))
}

/// Decodes percent-encoded letters, digits, `-`, `.`, `_` and `~`; keeps the rest encoded, in upper case. Refuses
/// encoded slashes and backslashes, encoded control characters, and anything of that kind encoded twice.
fn decode_unreserved(path: &str) -> Option<String> {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let code = after.get(..2)?;
        if !code.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let byte = u8::from_str_radix(code, 16).ok()?;
        rest = after.get(2..)?;
        match byte {
            // The last two begin no character in UTF-8; careless decoders make dots and slashes of them.
            b'/' | b'\\' | 0..=0x1f | 0x7f | 0xc0 | 0xc1 => return None,
            b'%' if twice(rest) => return None,
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => plain.push(char::from(b)),
            b => plain.push_str(&format!("%{b:02X}")),
        }
    }
    plain.push_str(rest);
    Some(plain)
}

/// Whether what follows an encoded percent sign would be a dot, a slash, a backslash or another percent sign to a
/// program that decodes twice.
fn twice(rest: &str) -> bool {
    rest.get(..2).is_some_and(|code| {
        ["2e", "2f", "5c", "25"]
            .iter()
            .any(|bad| bad.eq_ignore_ascii_case(code))
    })
}

/// Whether a segment is `.` or `..` to a server that cuts parameters off (`..;x`), and a plain name to others.
fn dots_with_parameters(segment: &str) -> bool {
    let dots = segment.trim_start_matches('.');
    let parameters = dots.starts_with(';') || dots.get(..3).is_some_and(|code| code == "%3B");
    parameters && matches!(segment.len() - dots.len(), 1 | 2)
}

/// Whether a path is the prefix or lies below it, at the boundary of a segment.
fn below(path: &str, prefix: &str) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(url: &str) -> HttpGrant {
        HttpGrant {
            url: url.to_owned(),
            methods: vec!["GET".to_owned()],
            headers: Default::default(),
        }
    }

    #[track_caller]
    fn check(url: &str, asked: &str, sent: Option<&str>) {
        let uri: Uri = match asked.parse() {
            Ok(uri) => uri,
            Err(_) => return assert_eq!(sent, None, "{asked} does not parse"),
        };
        let got = allows(&grant(url), &Method::GET, &uri);
        assert_eq!(
            got.map(|uri| uri.to_string()).as_deref(),
            sent,
            "{asked} under {url}"
        );
    }

    #[test]
    fn a_path_below_the_prefix_is_allowed() {
        let api = "https://api.example.com/v1/";
        check(
            api,
            "https://api.example.com/v1/",
            Some("https://api.example.com/v1/"),
        );
        check(
            api,
            "https://api.example.com/v1/a?b=../c",
            Some("https://api.example.com/v1/a?b=../c"),
        );
        check(
            api,
            "https://API.example.com:443/v1/a",
            Some("https://API.example.com:443/v1/a"),
        );
        check(
            api,
            "https://api.example.com/v1/a/../b",
            Some("https://api.example.com/v1/b"),
        );
        check(
            api,
            "https://api.example.com/%761/x",
            Some("https://api.example.com/v1/x"),
        );
        check(
            api,
            "https://api.example.com/v1/100%25",
            Some("https://api.example.com/v1/100%25"),
        );
        check("https://h/v1", "https://h/v1", Some("https://h/v1"));
        check("https://h/v1", "https://h/v1/x", Some("https://h/v1/x"));
        check("https://h", "https://h/any", Some("https://h/any"));
    }

    #[test]
    fn every_other_origin_is_refused() {
        let api = "https://api.example.com/v1/";
        for other in [
            "http://api.example.com/v1/",
            "https://api.example.com:8443/v1/",
            "https://api.example.com./v1/",
            "https://api.example.com.evil.org/v1/",
            "https://evil.org/v1/",
            "https://api.example.com@evil.org/v1/",
            "https://evil.org@api.example.com/v1/",
            "ftp://api.example.com/v1/",
            "/v1/",
        ] {
            check(api, other, None);
        }
    }

    #[test]
    fn no_spelling_leaves_the_prefix() {
        let api = "https://h/v1/";
        for escape in [
            "https://h/",
            "https://h/v1",
            "https://h/v10/",
            "https://h/v2/x",
            "https://h/v1/../v2/x",
            "https://h/v1/%2e%2e/v2/x",
            "https://h/v1/.%2E/v2/x",
            "https://h/v1/%2e%2e%2fv2/x",
            "https://h/v1/..%5cv2/x",
            "https://h/v1/%252e%252e/v2",
            "https://h/v1/%25252e/v2",
            "https://h/../../v1/../v2/",
            "https://h/v1/..;/v2/x",
            "https://h/v1/..;a=b/v2/x",
            "https://h/v1/%2e%2e;/v2/x",
            "https://h/v1/..%3b/v2/x",
            "https://h/v1/.;/x",
            "https://h/v1/..;",
            "https://h/v1/%c0%ae%c0%ae/v2/x",
            "https://h/v1/x%00",
            "https://h/v1/%zz",
            "https://h/v1/%2",
        ] {
            check(api, escape, None);
        }
        check("https://h/v1", "https://h/v1x", None);
    }

    #[test]
    fn only_listed_methods_pass() {
        let uri: Uri = "https://h/v1/".parse().expect("a fixed address");
        let mut both = grant("https://h/v1/");
        assert!(allows(&both, &Method::POST, &uri).is_none());
        both.methods.push("POST".to_owned());
        assert!(allows(&both, &Method::POST, &uri).is_some());
        let odd = Method::from_bytes(b"post").expect("a method");
        assert!(
            allows(&both, &odd, &uri).is_none(),
            "methods are case-sensitive"
        );
    }
}
