//! Standard input, output and error, as a command gets them that runs in conductor's place.

use std::env;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use conductor_host::system::InputOutput;
use rustix::fs::fstat;

/// Returns those of this process. What leads to the journal is left to the command's own unit, so that its
/// lines stand there under the service's id.
pub(super) fn own() -> InputOutput {
    let journal = env::var("JOURNAL_STREAM").ok();
    let own = |stream: &dyn AsFd| -> Option<OwnedFd> {
        // One that is closed here is closed there, too.
        let copy = stream.as_fd().try_clone_to_owned().ok()?;
        let stat = fstat(&copy).ok()?;
        let leads_to_it = journal.as_deref() == Some(&*format!("{}:{}", stat.st_dev, stat.st_ino));
        (!leads_to_it).then_some(copy)
    };
    InputOutput::Streams([own(&io::stdin()), own(&io::stdout()), own(&io::stderr())])
}
