//! The way from a skill to the network. The address that is checked is the address that is connected to: names resolve
//! through `PublicOnly`, which hands on nothing else; redirects come back to the grant; no proxy is asked.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use coworker_core::{HttpGrant, TaskId};
use coworker_sandbox::{HttpPort, HttpRequest, HttpResponse, PortError};
use futures::StreamExt;
use http::{HeaderName, HeaderValue, Uri, header};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// How many redirects are followed.
const REDIRECTS: usize = 5;
/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take where the guest names no time. The call's own clock may be shorter.
const ANSWER: Duration = Duration::from_secs(30);

/// Looks a secret up by its name.
type Secrets = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// A port to the network for granted requests.
pub struct Network {
    client: reqwest::Client,
    /// Where `${env:KEY}` in granted headers is looked up. Taken once, when the host starts.
    secrets: Secrets,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

impl Network {
    /// Returns a port whose secrets come from `secrets`, usually the environment.
    pub fn new(
        secrets: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, reqwest::Error> {
        // Fails only if another provider was installed before, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(PublicOnly))
            .connect_timeout(CONNECT)
            .user_agent(concat!("coworker-host/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            secrets: Arc::new(secrets),
        })
    }

    async fn once(
        &self,
        grant: &HttpGrant,
        request: &HttpRequest,
    ) -> Result<reqwest::Response, PortError> {
        // Parsed as the client will parse it: `2130706433`, `0x7f.1` and `%3127.0.0.1` are addresses to it.
        let url: reqwest::Url = request
            .uri
            .to_string()
            .parse()
            .map_err(|_| PortError::Denied(format!("{} is not an address", request.uri)))?;
        if let Some(address) = literal(&url) {
            // An address as the host does not pass the resolver. A private one must have been named as such to the
            // owner: a grant that spells it in another way is a trick.
            if !is_public(address) && !names(grant, address) {
                return Err(PortError::Denied(format!(
                    "{address} is not a public address"
                )));
            }
        }
        let mut headers = request.headers.clone();
        for (name, template) in &grant.headers {
            let name: HeaderName = name
                .parse()
                .map_err(|_| PortError::Denied(format!("{name:?} is not a header")))?;
            headers.insert(name, self.fill(template)?);
        }
        self.client
            .request(request.method.clone(), url)
            .headers(headers)
            .body(request.body.clone())
            .timeout(request.timeout.unwrap_or(ANSWER).min(ANSWER))
            .send()
            .await
            .map_err(|error| failed(&error))
    }

    /// Returns a header's value with the host's secrets filled in. It is marked sensitive, so that it is never printed.
    fn fill(&self, template: &str) -> Result<HeaderValue, PortError> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${env:") {
            let (key, tail) = after
                .split_once('}')
                .ok_or_else(|| PortError::Denied("a granted header has no closing brace".into()))?;
            let secret = (self.secrets)(key).ok_or_else(|| {
                PortError::Unavailable(format!("the host's environment has no {key}"))
            })?;
            filled.push_str(before);
            filled.push_str(&secret);
            rest = tail;
        }
        filled.push_str(rest);
        let mut value = HeaderValue::from_str(&filled).map_err(|_| {
            PortError::Denied("a granted header has characters that no header may have".into())
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

#[async_trait]
impl HttpPort for Network {
    async fn send(
        &self,
        grant: &HttpGrant,
        _: TaskId,
        mut request: HttpRequest,
    ) -> Result<HttpResponse, PortError> {
        for _ in 0..=REDIRECTS {
            let response = self.once(grant, &request).await?;
            match redirect(&request, &response) {
                None => return collect(response, request.most).await,
                Some(target) => {
                    let target = coworker_sandbox::allows(grant, &request.method, &target)
                        .ok_or_else(|| {
                            let host = target.host().unwrap_or("nowhere");
                            PortError::Denied(format!(
                                "the server redirects to {host}, which the grant does not cover"
                            ))
                        })?;
                    if response.status() == http::StatusCode::SEE_OTHER {
                        request.body = bytes::Bytes::new();
                    }
                    request.uri = target;
                }
            }
        }
        Err(PortError::Denied(format!(
            "more than {REDIRECTS} redirects"
        )))
    }
}

fn redirect(request: &HttpRequest, response: &reqwest::Response) -> Option<Uri> {
    // Only safe methods are repeated elsewhere; the guest sees other redirects as they are.
    if !response.status().is_redirection() || !request.method.is_safe() {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    let target = response.url().join(location).ok()?;
    target.as_str().parse().ok()
}

async fn collect(response: reqwest::Response, most: u64) -> Result<HttpResponse, PortError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = BytesMut::new();
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| failed(&error))?;
        if (body.len() + piece.len()) as u64 > most {
            return Err(PortError::TooLarge(format!(
                "the answer is larger than the {most} bytes left to this call"
            )));
        }
        body.extend_from_slice(&piece);
    }
    Ok(HttpResponse {
        status,
        headers,
        body: body.freeze(),
    })
}

fn failed(error: &reqwest::Error) -> PortError {
    // The text goes to the owner's log; without its source it would only say that something was sent.
    let text = std::iter::successors(Some(error as &dyn std::error::Error), |error| {
        error.source()
    })
    .map(ToString::to_string)
    .collect::<Vec<_>>()
    .join(": ");
    if error.is_timeout() {
        PortError::TimedOut(text)
    } else {
        PortError::Unavailable(text)
    }
}

/// Returns the address that stands for the host in `url`, however it is spelt.
fn literal(url: &reqwest::Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

fn names(grant: &HttpGrant, address: IpAddr) -> bool {
    let host = grant
        .url
        .parse::<Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned))
        .unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']').parse() == Ok(address)
}

/// Resolves names to public addresses only. A name with any other record is refused whole: it is somebody's trick or
/// somebody's mistake, and either way the answer should not depend on which record comes first.
#[derive(Debug)]
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public = public_only(name.as_str(), found)?;
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Returns the records of a name if all of them are public.
fn public_only(name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, String> {
    match found.iter().find(|address| !is_public(address.ip())) {
        None => Ok(found),
        Some(private) => {
            let private = private.ip();
            Err(format!(
                "{name} resolves to {private}, which is not a public address"
            ))
        }
    }
}

/// Returns whether an address is one that anybody on the public internet may be asked at.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// The special-purpose registries of IANA (RFC 6890 and its successors), IPv4.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a == 127
        || a == 10
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        || a >= 224)
}

/// Only global unicast is public, less what wraps or names other addresses. A wrapped IPv4 address is refused even if
/// it is public itself: nobody needs one, and gateways differ in what they do with it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let global = (0x2000..0x4000).contains(&a);
    let special =
        (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    global && !special
}

/// Returns a reader of this process's environment as it is now, for secrets in granted headers.
pub fn environment() -> impl Fn(&str) -> Option<String> + Send + Sync {
    let variables: BTreeMap<String, String> = std::env::vars().collect();
    move |key| variables.get(key).cloned()
}

#[cfg(test)]
mod tests;
