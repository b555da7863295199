//! See [`cjhirashi::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    cjhirashi::cli::run()
}
