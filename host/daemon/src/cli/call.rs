//! `call`: one skill, one answer.

use std::io::Read;

use clap::Args;
use coworker_core::{Span, Tier};
use serde_json::Value;

use super::{Context, reach, show};
use crate::control::Request;
use crate::report::Failure;

/// The largest input that is read from a file or a pipe; hosts take far less.
const INPUT: u64 = 16 << 20;

/// What to call.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// `self`, a name you gave, an invite, or an id
    peer: String,
    /// The skill, as `inspect PEER` shows it
    skill: String,
    /// JSON, @FILE, or - for stdin
    #[arg(long, short, default_value = "{}", value_name = "JSON|@FILE|-")]
    input: String,
    /// Call this version and no other
    #[arg(long)]
    version: Option<String>,
    /// How long to wait, as in 30s or 5m
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
    /// With `self`: call as a throw-away peer of this tier
    #[arg(long = "as", value_name = "TIER")]
    as_tier: Option<Tier>,
}

pub(super) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    if options.as_tier.is_some() && options.peer != "self" {
        return Err(Failure::usage("--as goes with `self` alone")
            .cause("what another host lets you do is for its owner to decide"));
    }
    let request = Request::Call {
        input: input(&options.input)?,
        peer: options.peer,
        skill: options.skill,
        version: options.version,
        timeout: options.timeout,
        as_tier: options.as_tier,
    };
    let answer = reach::ask(context, request).await?;
    let reply = answer.get("reply").unwrap_or(&Value::Null);
    show(context, &answer, reply)
}

/// Prints a peer's reply; a refusal is a failure too.
pub(super) fn show(context: &Context, answer: &Value, reply: &Value) -> Result<(), Failure> {
    let success = answer
        .get("success")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    if context.ui.json {
        context.ui.document(reply);
    } else if success {
        context.ui.pretty(reply.get("result").unwrap_or(reply));
    }
    if success {
        return Ok(());
    }
    let mut failure = Failure::failed("the call was refused");
    // Old peers refuse some calls outside of tasks, in words of their own.
    for key in ["error", "message", "error_code", "code"] {
        if show::has(reply, key) {
            failure = failure.cause(show::text(reply, key));
        }
    }
    Err(
        failure.hint(match answer.get("peer").and_then(Value::as_str) {
            Some(peer) if peer.starts_with("local:") => {
                "run `coworker-host skills list` and `coworker-host logs` to see why".to_owned()
            }
            _ => "run `coworker-host inspect PEER` to see what it offers you".to_owned(),
        }),
    )
}

/// Reads the input that was asked for.
pub(super) fn input(text: &str) -> Result<Value, Failure> {
    let (from, read) = if text == "-" {
        ("stdin".to_owned(), bounded(std::io::stdin().lock()))
    } else if let Some(path) = text.strip_prefix('@') {
        (path.to_owned(), std::fs::File::open(path).and_then(bounded))
    } else {
        ("--input".to_owned(), Ok(text.to_owned()))
    };
    let text = read.map_err(|error| {
        Failure::usage(format!("cannot read the input from {from}")).caused_by(&error)
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("the input from {from} is not JSON"))
            .caused_by(&error)
            .hint(
                "write it as in --input '{\"text\": \"hello\"}', or name a file with --input @FILE",
            )
    })
}

fn bounded(reader: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    if reader.take(INPUT + 1).read_to_string(&mut text)? as u64 > INPUT {
        return Err(std::io::Error::other(format!(
            "it has more than {} MiB",
            INPUT >> 20
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_json_from_anywhere() {
        assert_eq!(input("{\"a\": 1}"), Ok(serde_json::json!({"a": 1})));
        assert_eq!(
            input("{'a': 1}").map_err(|failure| failure.exit.code()),
            Err(2)
        );
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "[1, 2]").expect("written");
        assert_eq!(
            input(&format!("@{}", file.path().display())),
            Ok(serde_json::json!([1, 2]))
        );
        assert_eq!(
            input("@/no/such/file").map_err(|failure| failure.exit.code()),
            Err(2)
        );
    }
}
