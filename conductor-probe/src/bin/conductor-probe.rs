//! The binary `conductor-probe`; what it does is in the library, which has no other user but fuzzing.

use std::process::ExitCode;

fn main() -> ExitCode {
    conductor_probe::main()
}
