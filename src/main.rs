//! Parse, run, print the error chain, exit.

use std::process::ExitCode;

/// Requests make and drop many small things and a few of 10 KB on several threads, which the C
/// library's own allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kabari::cli::main()
}
