//! The command line. Everything it does is in the library; this is only where a process starts and ends.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(coworker_host::cli::main())
}
