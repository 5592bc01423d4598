//! Runs a node until Ctrl-C: `cargo run -p coworker-xmtp-node --example node -- DIR [ADDRESS]`.

use coworker_xmtp_node::{Node, NodeConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut config = NodeConfig::new(arguments.next().ok_or("where is the data folder?")?);
    if let Some(address) = arguments.next() {
        config.listen = address.parse()?;
    }
    let node = Node::bind(config).await?;
    let stop = node.stop_token();
    #[expect(clippy::print_stdout, reason = "an example tells where it listens")]
    {
        println!("http://{}", node.address());
    }
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped?,
        () = stop.cancelled() => {}
    }
    node.shutdown().await?;
    Ok(())
}
