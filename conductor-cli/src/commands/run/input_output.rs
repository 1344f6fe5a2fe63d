//! Standard input, output and error for the command of `conductor run`.

use std::env;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use conductor_host::system::InputOutput;
use rustix::fs::fstat;

/// Returns those of this process. A stream to the journal is left out, so that the command's unit opens its
/// own, and its lines have the service's id.
pub(super) fn own() -> InputOutput {
    let journal = env::var("JOURNAL_STREAM").ok();
    let own = |stream: &dyn AsFd| -> Option<OwnedFd> {
        // A stream that is closed here is also closed for the command.
        let copy = stream.as_fd().try_clone_to_owned().ok()?;
        let stat = fstat(&copy).ok()?;
        let leads_to_it = journal.as_deref() == Some(&*format!("{}:{}", stat.st_dev, stat.st_ino));
        (!leads_to_it).then_some(copy)
    };
    InputOutput::Streams([own(&io::stdin()), own(&io::stdout()), own(&io::stderr())])
}
