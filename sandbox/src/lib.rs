//! A throw-away Debian with a real systemd, for conductor's tests, benchmarks and demo.
//!
//! [`Tree::ensure`] creates the file system once; [`Sandbox::builder`] boots any number of sandboxes from it,
//! each in about a second. A sandbox has its own network and cgroup, and keeps its writes in memory. It ends
//! when its [`Sandbox`] is dropped or the owning process ends.
//!
//! Tests that need cgroup controllers that the host may lack, their own kernel, or a power cut run in a
//! [`Vm`]: the same Debian as a virtual machine, which boots in half a minute.
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
pub mod release;
pub mod sandbox;
pub mod stack;
pub mod tree;
pub mod vm;

pub use builder::Builder;
pub use engine::Engine;
pub use error::Error;
pub use release::Release;
pub use sandbox::Sandbox;
pub use tree::Tree;
pub use vm::Vm;
