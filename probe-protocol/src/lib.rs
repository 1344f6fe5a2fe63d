//! The protocol between conductor, the units that it writes, and `conductor-probe`.
//!
//! - **Command lines.** A unit calls the probe. Each command is a struct ([`Exec`], [`Docker`], [`Watch`],
//!   [`Socket`], [`Run`], [`Ended`], [`Limit`], [`Collect`], [`Mail`],
//!   [`Turn`]), which is written as [`Word`]s and read back by
//!   [`Request::read`]. Arguments after `--` are not the probe's, and do not change.
//! - **Times.** [`Timing`] has the defaults of a health check, and the timeouts for systemd; [`restarts`] has
//!   the delays between starts.
//! - **Status texts.** [`StatusText`] is the text for systemd, of which [`HealthState`] reads the beginning;
//!   [`journal`] marks the probe's lines in the journal.
//! - **Runs.** [`Call`] and [`Announcement`] are the messages on the socket of `conductor run`.
//! - **Paths.** [`places`] has the paths that both sides use.
//!
//! ```
//! use conductor_probe_protocol::{Check, Exec, Request, Timing, Watch, Word};
//!
//! let check = Check::Tcp(([127, 0, 0, 1], 8080).into());
//! let exec: Exec = Exec { watch: Some(Watch { check, timing: Timing::default() }), ..Exec::default() };
//! let words = exec.words().into_iter().map(Word::at_runtime_directory("/run"));
//! let words = words.chain(["/usr/bin/app".into()]);
//! let read = Request::read(words);
//! assert_eq!(read, Ok(Request::Exec { options: exec, program: vec!["/usr/bin/app".into()] }));
//! ```

mod address;
mod check;
mod error;
mod event;
mod exec;
mod given;
mod hook;
mod http;
mod job;
pub mod journal;
pub mod option;
pub mod places;
mod request;
pub mod restarts;
mod run_socket;
mod socket;
mod status;
mod task;
pub mod time;
mod timing;
mod turn;
mod word;

pub use address::{address, host};
pub use check::{Check, HttpCheck, Watch};
pub use error::{ArgumentError, ValueError};
pub use event::{Event, Moment};
pub use exec::{Docker, Exec, StopSignal};
pub use hook::{HOOKS, Hook, HookAction, HookEvent, LOOP, Told, order};
pub use http::{Header, Method, Statuses};
pub use job::{Collect, Mail};
pub use request::{Request, Subcommand};
pub use run_socket::{Announcement, Call};
pub use socket::{Socket, SocketAction};
pub use status::{HealthState, StatusText};
pub use task::{Client, Ended, Limit, Run};
pub use timing::{FETCH, SLACK, Timing};
pub use turn::{JobPlace, Turn};
pub use word::{PathWord, UnitPath, Word};
