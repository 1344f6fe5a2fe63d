//! A throw-away Debian trixie with a real systemd, for conductor's tests, benchmarks and demo.
//!
//! [`Tree::ensure`] makes the file system once; [`Sandbox::builder`] boots it as often as needed, in
//! about a second, side by side. A sandbox has its own network and its own cgroup, keeps its writes
//! in memory, and is gone when its [`Sandbox`] is dropped or the process that owns it dies.
//!
//! What needs cgroup controllers that the host may not give, its own kernel, or a power cut, runs in a
//! [`Vm`], the same Debian as a virtual machine; that takes half a minute.
//!
//! It needs root on Debian 12 or 13; missing Debian packages are installed (see [`host`]).
//!
//! ```no_run
//! use conductor_sandbox::{Sandbox, Tree};
//!
//! let tree = Tree::ensure(&mut |line| println!("{line}"))?;
//! let sandbox = Sandbox::builder(&tree).boot()?;
//! let status = sandbox.command("systemctl").arg("is-system-running").status();
//! # Ok::<(), conductor_sandbox::Error>(())
//! ```

pub mod build;
pub mod builder;
pub mod engine;
pub mod error;
pub mod host;
mod kernel;
pub mod sandbox;
pub mod tree;
pub mod vm;

pub use builder::Builder;
pub use engine::Engine;
pub use error::Error;
pub use sandbox::Sandbox;
pub use tree::Tree;
pub use vm::Vm;
