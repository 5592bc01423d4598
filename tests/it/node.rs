//! A node of one's own, and who is not to use it.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::peer::block_on;
use crate::support::Place;
use crate::xmtp::network::Node;

/// Something that every client asks, in the path of a request.
const ASKED: &str = "/xmtp.identity.api.v1.IdentityApi/GetInboxIds";
/// What a page may send anywhere without asking first, by the types of its bodies.
const OF_PAGES: [&str; 3] = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
];

#[test]
fn a_page_in_a_browser_asks_a_node_in_vain() {
    let place = Place::new();
    let node = Node::start(&place);
    // An empty message in the frame of gRPC.
    let body = [0; 5];
    for kind in OF_PAGES {
        // Without TLS, browsers speak HTTP/1.1, and the node does not.
        let mut stream = TcpStream::connect(&node.address).expect("it listens");
        let request = format!(
            "POST {ASKED} HTTP/1.1\r\nhost: {}\r\ncontent-type: {kind}\r\ncontent-length: 5\r\nconnection: close\r\n\r\n",
            node.address
        );
        let mut answer = Vec::new();
        // It may hang up in the middle of our words.
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.write_all(&body);
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    }
    // Fails only if another provider was installed before, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    block_on(async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .http2_prior_knowledge()
            .build()
            .expect("a client");
        let ask = async |kind: &str| {
            let request = client.post(format!("http://{}{ASKED}", node.address));
            let request = request.header("content-type", kind).body(body.to_vec());
            let answer = request.send().await.expect("an answer");
            let status = answer.headers().get("grpc-status").cloned();
            status.map(|status| status.to_str().expect("a number").to_owned())
        };
        let invalid = Some("3".to_owned());
        for kind in OF_PAGES {
            assert_eq!(ask(kind).await, invalid, "{kind}");
        }
        // The same question of a client is answered: in the head stands no failure.
        assert_ne!(ask("application/grpc").await, invalid);
    });
}
