use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::tasks::Tasks;

#[test]
fn only_public_addresses_are_public() {
    for private in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.31.0.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.0.192",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "2002:a00:1::",
        "2001::1",
        "2001:db8::1",
        "ff02::1",
    ] {
        assert!(
            !is_public(private.parse().expect("an address")),
            "{private} must be refused"
        );
    }
    for public in [
        "8.8.8.8",
        "1.1.1.1",
        "100.128.0.1",
        "172.32.0.1",
        "2606:4700::1111",
        "2001:4860:4860::8888",
    ] {
        assert!(
            is_public(public.parse().expect("an address")),
            "{public} is public"
        );
    }
}

#[tokio::test]
async fn a_private_address_in_another_spelling_is_refused_unless_the_grant_names_it() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("bound").port();
    let network = Network::new(|_| None).expect("a client");
    let ask = async |host: &str| {
        let grant = HttpGrant {
            url: format!("http://{host}:{port}/"),
            methods: vec!["GET".to_owned()],
            headers: BTreeMap::new(),
        };
        let request = HttpRequest {
            method: http::Method::GET,
            uri: grant.url.parse().expect("a URI"),
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
            most: 1_000,
            timeout: Some(Duration::from_millis(200)),
        };
        network.once(&grant, &request).await.err()
    };
    for host in [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "017700000001",
        "localhost",
    ] {
        let error = ask(host).await;
        let denied = match &error {
            Some(PortError::Denied(_)) => true,
            // A name: refused by the resolver.
            Some(PortError::Unavailable(why)) => why.contains("not a public address"),
            _ => false,
        };
        assert!(denied, "{host}: {error:?}");
    }
    // Reached, and then left without an answer.
    assert!(matches!(
        ask("127.0.0.1").await,
        Some(PortError::TimedOut(_))
    ));
}

#[test]
fn secrets_fill_headers_and_stay_unprinted() {
    let network =
        Network::new(|key| (key == "KEY").then(|| "s3cret".to_owned())).expect("a client");
    let value = network.fill("Bearer ${env:KEY}!").expect("a known key");
    assert_eq!(value.to_str().ok(), Some("Bearer s3cret!"));
    assert!(!format!("{value:?}").contains("s3cret"));
    assert!(matches!(
        network.fill("${env:OTHER}"),
        Err(PortError::Unavailable(_))
    ));
    assert!(network.fill("${env:KEY").is_err());
}

#[test]
fn one_private_record_among_public_ones_refuses_the_name() {
    let resolve = |found: &[&str]| {
        let found = found
            .iter()
            .map(|ip| SocketAddr::new(ip.parse().expect("an address"), 443))
            .collect();
        public_only("example.org", found)
    };
    let public = ["8.8.8.8", "2606:4700::1111"];
    let both = resolve(&public).expect("both are public");
    assert_eq!(both.len(), 2, "nothing is left out");
    for private in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:8.8.8.8",
        "fd00::1",
    ] {
        for mixed in [
            [private, public[0], public[1]],
            [public[0], private, public[1]],
            [public[0], public[1], private],
        ] {
            let why = resolve(&mixed).expect_err(private);
            let ip: IpAddr = private.parse().expect("an address");
            assert!(
                why.contains(&format!("{ip}, which is not a public")),
                "{why}"
            );
        }
    }
}

/// What a server does with a request for a path.
type Answer = fn(port: u16, path: &str) -> String;

/// A server of this machine that answers each path as a test says, until it is dropped.
struct Server {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    tasks: Tasks,
}

impl Server {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (tasks, heard) = (Tasks::new(), Arc::new(Mutex::new(Vec::new())));
        let (server, hears) = (tasks.clone(), heard.clone());
        tasks.spawn(async move {
            loop {
                let mut stream = tokio::select! {
                    () = server.stopped() => return,
                    accepted = listener.accept() => accepted.expect("a connection").0,
                };
                let (mut request, mut part) = (String::new(), [0; 4_096]);
                // Requests of these tests are a head and a body of a few bytes, announced by its length.
                while !is_whole(&request) {
                    let n = stream.read(&mut part).await.expect("bytes");
                    assert!(n > 0, "a whole request: {request}");
                    request.push_str(std::str::from_utf8(&part[..n]).expect("text"));
                }
                let path = request.split(' ').nth(1).expect("a path").to_owned();
                hears.lock().expect("not poisoned").push(request);
                // Whoever has enough closes the connection, and that is its right.
                let _ = stream.write_all(answer(port, &path).as_bytes()).await;
            }
        });
        Self { port, heard, tasks }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("not poisoned").clone()
    }

    /// Returns the first lines of what it heard, without the version.
    fn asked(&self) -> Vec<String> {
        let first = |text: &String| text.split(" HTTP/").next().map(str::to_owned);
        self.heard().iter().filter_map(first).collect()
    }

    fn grant(&self, path: &str) -> HttpGrant {
        HttpGrant {
            url: format!("http://127.0.0.1:{}{path}", self.port),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            headers: BTreeMap::new(),
        }
    }

    fn request(&self, path: &str) -> HttpRequest {
        let uri = format!("http://127.0.0.1:{}{path}", self.port);
        HttpRequest {
            method: http::Method::GET,
            uri: uri.parse().expect("a URI"),
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
            most: 1_000,
            timeout: None,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    body.len() >= length.unwrap_or(0)
}

fn says(status: u16, head: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{head}\r\n{body}"
    )
}

fn to(status: u16, location: &str) -> String {
    says(status, &format!("location: {location}\r\n"), "")
}

async fn send(grant: &HttpGrant, request: HttpRequest) -> Result<HttpResponse, PortError> {
    let network = Network::new(|key| (key == "KEY").then(|| "s3cret".to_owned()));
    let task = TaskId::from_random([7; 16]);
    network.expect("a client").send(grant, task, request).await
}

#[tokio::test]
async fn a_redirect_is_followed_inside_the_grant_alone() {
    let elsewhere = Server::start(|_, _| says(200, "", "elsewhere")).await;
    let other = elsewhere.port;
    let server = Server::start(|port, path| match path {
        "/api/inside" => to(302, "/api/there?a=b"),
        "/api/whole" => to(307, &format!("http://127.0.0.1:{port}/api/there")),
        "/api/there" | "/api/there?a=b" => says(200, "", "there"),
        "/api/outside" => to(302, "/private"),
        "/api/up" => to(302, "/api/../private"),
        "/api/encoded" => to(302, "/api/%2e%2e/private"),
        "/api/name" => to(302, &format!("http://localhost:{port}/api/there")),
        "/api/user" => to(
            302,
            &format!("http://127.0.0.1:{port}@example.org/api/there"),
        ),
        "/api/scheme" => to(302, &format!("https://127.0.0.1:{port}/api/there")),
        "/api/file" => to(302, "file:///etc/passwd"),
        path => to(302, &path.replacen("/api/to-port-", "http://127.0.0.1:", 1)),
    })
    .await;
    let grant = server.grant("/api/");
    for path in ["/api/inside", "/api/whole"] {
        let response = send(&grant, server.request(path)).await.expect(path);
        assert_eq!(
            (response.status.as_u16(), &response.body[..]),
            (200, &b"there"[..])
        );
    }
    assert_eq!(
        server.asked(),
        [
            "GET /api/inside",
            "GET /api/there?a=b",
            "GET /api/whole",
            "GET /api/there"
        ]
    );
    let to_port = format!("/api/to-port-{other}/api/there");
    for path in [
        "/api/outside",
        "/api/up",
        "/api/encoded",
        "/api/name",
        "/api/user",
        "/api/scheme",
        &to_port,
    ] {
        let before = server.asked().len();
        let ended = send(&grant, server.request(path)).await;
        assert!(
            matches!(&ended, Err(PortError::Denied(_))),
            "{path}: {ended:?}"
        );
        assert_eq!(
            server.asked().len(),
            before + 1,
            "{path} is asked, and nothing after it"
        );
    }
    // What is no address on the web is not followed either; the guest may read it.
    let shown = send(&grant, server.request("/api/file")).await;
    assert_eq!(shown.expect("an answer").status.as_u16(), 302);
    assert_eq!(elsewhere.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_redirect_that_leads_to_itself_ends() {
    let server = Server::start(|_, path| to(302, path)).await;
    let ended = send(&server.grant("/"), server.request("/round")).await;
    assert!(
        matches!(&ended, Err(PortError::Denied(why)) if why.contains("redirects")),
        "{ended:?}"
    );
    assert_eq!(server.asked().len(), REDIRECTS + 1);
}

#[tokio::test]
async fn a_body_goes_along_unless_the_server_says_to_look_elsewhere() {
    let server = Server::start(|_, path| match path {
        "/see" => to(303, "/there"),
        "/same" => to(307, "/there"),
        _ => says(200, "", ""),
    })
    .await;
    for (path, kept) in [("/see", false), ("/same", true)] {
        let mut request = server.request(path);
        request.body = bytes::Bytes::from_static(b"question");
        send(&server.grant("/"), request).await.expect(path);
        let heard = server.heard();
        let [.., first, second] = heard.as_slice() else {
            panic!("two requests: {heard:?}");
        };
        assert!(first.ends_with("\r\n\r\nquestion"), "{first}");
        assert_eq!(second.ends_with("\r\n\r\nquestion"), kept, "{second}");
    }
    // What may have done something is not done again elsewhere: the guest sees the redirect itself.
    let mut request = server.request("/see");
    request.method = http::Method::POST;
    let response = send(&server.grant("/"), request).await.expect("an answer");
    assert_eq!(response.status.as_u16(), 303);
    assert_eq!(server.asked().last().map(String::as_str), Some("POST /see"));
}

#[tokio::test]
async fn an_answer_ends_at_what_is_left_to_the_call() {
    let server = Server::start(|_, path| match path {
        "/fits" => says(200, "", &"x".repeat(1_000)),
        "/announced" => says(200, "", &"x".repeat(1_001)),
        // Without a length: it goes on until the connection ends.
        _ => format!(
            "HTTP/1.1 200 X\r\nconnection: close\r\n\r\n{}",
            "x".repeat(100_000)
        ),
    })
    .await;
    let ask = async |path: &str| send(&server.grant("/"), server.request(path)).await;
    assert_eq!(ask("/fits").await.expect("it fits").body.len(), 1_000);
    for path in ["/announced", "/endless"] {
        let ended = ask(path).await;
        assert!(
            matches!(&ended, Err(PortError::TooLarge(_))),
            "{path}: {ended:?}"
        );
    }
}

#[tokio::test]
async fn a_granted_header_replaces_the_guests_own_and_goes_along_inside_the_grant() {
    let server = Server::start(|_, path| match path {
        "/first" => to(302, "/second"),
        _ => says(200, "x-said: all is well\r\n", "fine"),
    })
    .await;
    let mut grant = server.grant("/");
    let template = "Bearer ${env:KEY}".to_owned();
    grant.headers.insert("Authorization".to_owned(), template);
    let mut request = server.request("/first");
    let own = HeaderValue::from_static("Bearer of-the-guest");
    request.headers.insert(header::AUTHORIZATION, own);
    let response = send(&grant, request).await.expect("an answer");
    let heard = server.heard();
    assert_eq!(heard.len(), 2);
    for request in &heard {
        let request = request.to_ascii_lowercase();
        assert!(
            request.contains("\r\nauthorization: bearer s3cret\r\n"),
            "{request}"
        );
        assert!(!request.contains("of-the-guest"), "{request}");
    }
    // All that the guest gets of it.
    assert!(!format!("{response:?}").contains("s3cret"));
    assert_eq!(
        response.headers.get("x-said").map(HeaderValue::as_bytes),
        Some(&b"all is well"[..])
    );
}
