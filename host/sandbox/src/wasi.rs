//! WASI 0.2, bound to an empty context: no arguments, no environment, no folders, no sockets. Standard output is the
//! skill's log. Grants add folders, constants and HTTP.

pub(crate) mod clock;
pub(crate) mod http;
pub(crate) mod link;
pub(crate) mod random;
mod stdio;

use coworker_core::Grants;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use crate::error::CallError;
use crate::journal::Stream;
use crate::room::SharedJournal;
use crate::wasi::stdio::LogStream;

/// Returns a context that gives nothing but a log, clocks and randomness.
pub(crate) fn empty(journal: &SharedJournal, dreaming: bool) -> WasiCtx {
    let mut builder = bare(journal);
    if dreaming {
        builder.wall_clock(clock::Standing);
        builder.monotonic_clock(clock::Counting::default());
    }
    builder.build()
}

/// Returns a context with what the owner granted.
pub(crate) fn granted(grants: &Grants, journal: &SharedJournal) -> Result<WasiCtx, CallError> {
    let mut builder = bare(journal);
    for (key, value) in &grants.env {
        builder.env(key, value);
    }
    for grant in &grants.fs {
        // What was approved has no link on its way. One that is there now leads elsewhere: another skill that may write
        // around it could have put it there.
        let real = std::fs::canonicalize(&grant.host);
        if real.is_ok_and(|real| real != std::path::Path::new(&grant.host)) {
            return Err(CallError::Unavailable(format!(
                "the granted folder {} now leads elsewhere",
                grant.host
            )));
        }
        let perms = if grant.write {
            FsPerms::ReadWrite
        } else {
            FsPerms::ReadOnly
        };
        builder
            .preopened_dir(&grant.host, &grant.guest, perms)
            .map_err(|error| {
                CallError::Unavailable(format!(
                    "the granted folder {} cannot be opened: {error:#}",
                    grant.host
                ))
            })?;
    }
    Ok(builder.build())
}

fn bare(journal: &SharedJournal) -> WasiCtxBuilder {
    let mut builder = WasiCtxBuilder::new();
    builder
        .stdout(LogStream::new(journal, Stream::Out))
        .stderr(LogStream::new(journal, Stream::Err))
        // These are the defaults. Written down, since everything else here depends on them.
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(|_, _| Box::pin(async { false }));
    builder
}
