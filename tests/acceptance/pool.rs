//! Sandboxes, booted when needed and reused by the tests that come after.

use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use conductor_sandbox::{Sandbox, Tree, Vm, build};
use libtest_mimic::{Completion, Failed, Trial};

use crate::host::Host;
use crate::{cases, chosen};

/// What the cookbook for Chef is tested with, and what of Chef Debian has.
const RUBY: &[&str] = &["ruby", "ruby-rspec", "ruby-mixlib-shellout", "ruby-chef-utils", "rubocop"];

/// Programs that other people wrote. Redis is in each tree.
const PROGRAMS: &[&str] = &[
    "caddy",
    "default-jre-headless",
    "docker-compose",
    "gunicorn",
    "haproxy",
    "mariadb-server",
    "memcached",
    "nodejs",
    "postgresql",
    "prometheus",
    "prometheus-node-exporter",
    "python3-pika",
    "python3-prometheus-client",
    // Of the application in `examples/stack`.
    "python3-psycopg2",
    "python3-redis",
    "rabbitmq-server",
];

/// Packages with crontabs, and Debian's cron, which runs them.
const CRONTABS: &[&str] = &[
    "acct",
    "aide-common",
    "anacron",
    "apticron",
    "atop",
    "awstats",
    "backupninja",
    "certbot",
    "checksecurity",
    "chkrootkit",
    "cron",
    "cron-apt",
    "debsecan",
    "debsums",
    "dirvish",
    "dma",
    "e2fsprogs",
    "fcheck",
    "john",
    "leafnode",
    "lighttpd",
    "locate",
    "logcheck",
    "logrotate",
    "man-db",
    "munin-node",
    "php-common",
    "popularity-contest",
    "quota",
    "rsnapshot",
    "sysstat",
    "tiger",
    "tmpreaper",
];

/// The environment variable with which a test that fails is repeated by itself. CI sets it to 1: on two cores
/// that are busy with four tests, the real programs in a sandbox miss their own deadlines at times.
const REPEAT: &str = "CONDUCTOR_TEST_REPEAT";

/// Where a sandbox with Ruby has this repository.
pub(crate) const REPOSITORY: &str = "/usr/local/src";

/// A program that tests run in a sandbox, beside conductor and its probe.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Program {
    /// A service to deploy.
    App,
    /// Clients of it.
    Load,
    /// A conductor that dies.
    Killer,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Load => "load",
            Self::Killer => "killer",
        }
    }
}

/// Which tests may run at the same time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Company {
    Others,
    /// For tests that start hundreds of processes and would slow down the others.
    Nobody,
}

/// What all tests share; dropping it ends the sandboxes.
#[derive(Default)]
pub(crate) struct Pool {
    binary: OnceLock<Result<PathBuf, String>>,
    probe: OnceLock<Result<PathBuf, String>>,
    /// A service to deploy, and clients of it.
    programs: [OnceLock<Result<PathBuf, String>>; 3],
    tree: OnceLock<Result<Tree, String>>,
    /// The same with Ruby in it.
    ruby: OnceLock<Result<Tree, String>>,
    idle: Mutex<Vec<Host>>,
    /// Written to by a test that runs while no other does.
    crowd: RwLock<()>,
    /// See [`Pool::repeated`].
    repeated: Mutex<Vec<String>>,
}

impl Pool {
    /// Makes a test that runs beside others, or by itself.
    pub(crate) fn trial(
        self: &Arc<Self>,
        company: Company,
        name: String,
        test: impl Fn(&Self) -> Result<(), Failed> + Send + 'static,
    ) -> Trial {
        let pool = Arc::clone(self);
        Trial::ignorable_test(name.clone(), move || {
            if let Some(reason) = chosen::impossible(&name) {
                return Ok(Completion::ignored_with(reason));
            }
            if env::var_os(REPEAT).is_none_or(|value| value != "1") {
                return pool.time(company, &name, &test).map(|()| Completion::Completed);
            }
            let first = panic::catch_unwind(AssertUnwindSafe(|| pool.time(company, &name, &test)));
            if matches!(first, Ok(Ok(()))) {
                return Ok(Completion::Completed);
            }
            if let Ok(Err(failed)) = first {
                eprintln!("{}", failed.message().unwrap_or("failed without a message"));
            }
            eprintln!("{name}: failed; repeated while no other test runs");
            pool.time(Company::Nobody, &name, &test)?;
            pool.repeated.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
            Ok(Completion::Completed)
        })
    }

    /// Returns the tests that failed beside others, and passed when they were repeated.
    pub(crate) fn repeated(&self) -> Vec<String> {
        self.repeated.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a test as soon as its company allows, and prints how long it took.
    fn time(
        &self,
        company: Company,
        name: &str,
        test: impl Fn(&Self) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        let crowd = &self.crowd;
        let (_beside, _alone) = match company {
            Company::Others => (Some(crowd.read().unwrap_or_else(PoisonError::into_inner)), None),
            Company::Nobody => (None, Some(crowd.write().unwrap_or_else(PoisonError::into_inner))),
        };
        let began = Instant::now();
        let result = test(self);
        eprintln!("{name}: {:.1} s", began.elapsed().as_secs_f64());
        result
    }

    /// Runs a test in a sandbox that no other test has at the time.
    pub(crate) fn run(&self, test: impl FnOnce(&Host)) -> Result<(), Failed> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let host = idle.map_or_else(|| self.boot(self.tree()?, &[]), Ok)?;
        // A test that panics drops its sandbox, since its state is unknown.
        test(&host);
        if let Some(host) = host.tidy()? {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(host);
        }
        Ok(())
    }

    /// Runs a test in a sandbox of its own that has Ruby, and this repository at [`REPOSITORY`].
    pub(crate) fn run_with_ruby(&self, test: impl FnOnce(&Host)) -> Result<(), Failed> {
        let tree = self.ruby.get_or_init(|| {
            Tree::ensure_with(RUBY, &mut |line| eprintln!("{line}"))
                .map_err(|error| error.to_string())
        });
        let tree = tree.as_ref().map_err(Failed::from)?;
        let host = self.boot(tree, &[(Path::new(env!("CARGO_MANIFEST_DIR")), REPOSITORY)])?;
        test(&host);
        Ok(host.sandbox.kill()?)
    }

    /// Runs a test in a sandbox of its own that has [`PROGRAMS`] and can be rebooted.
    pub(crate) fn run_with_programs(&self, test: impl FnOnce(&mut Host)) -> Result<(), Failed> {
        let tree = self.tree()?.clone().with_layer(PROGRAMS, &mut |line| eprintln!("{line}"))?;
        let mut host = self.boot(&tree, &[])?;
        test(&mut host);
        Ok(host.sandbox.kill()?)
    }

    /// Runs a test in a sandbox of its own that has [`CRONTABS`].
    pub(crate) fn run_with_crontabs(&self, test: impl FnOnce(&Host)) -> Result<(), Failed> {
        let tree = self.tree()?.clone().with_layer(CRONTABS, &mut |line| eprintln!("{line}"))?;
        let host = self.boot(&tree, &[])?;
        test(&host);
        Ok(host.sandbox.kill()?)
    }

    /// Returns the binary `conductor`, built once.
    pub(crate) fn binary(&self) -> Result<&PathBuf, Failed> {
        let built =
            self.binary.get_or_init(|| build::conductor(false).map_err(|error| error.to_string()));
        built.as_ref().map_err(Failed::from)
    }

    /// Returns the binary `conductor-probe`, built once.
    pub(crate) fn probe(&self) -> Result<&PathBuf, Failed> {
        let built = || build::probe(false).map_err(|error| error.to_string());
        self.probe.get_or_init(built).as_ref().map_err(Failed::from)
    }

    /// Returns a program of the package `conductor-test-programs`, each built once.
    pub(crate) fn program(&self, which: Program) -> Result<&PathBuf, Failed> {
        let name = which.name();
        let build = || build::linked_statically("conductor-test-programs", name, false);
        let result = || build().map_err(|error| error.to_string());
        self.programs[which as usize].get_or_init(result).as_ref().map_err(Failed::from)
    }

    /// Boots a virtual machine, which nobody shares.
    pub(crate) fn machine(&self) -> Result<Vm, Failed> {
        Ok(Vm::boot(self.tree()?, &mut |line| eprintln!("{line}"))?)
    }

    /// Boots a sandbox without conductor, for tests that install it.
    pub(crate) fn bare(&self) -> Result<Host, Failed> {
        Ok(Host::new(Sandbox::builder(self.tree()?).boot()?))
    }

    /// The same with more of Debian's packages.
    pub(crate) fn bare_with(&self, packages: &[&str]) -> Result<Host, Failed> {
        let tree = self.tree()?.clone().with_layer(packages, &mut |line| eprintln!("{line}"))?;
        Ok(Host::new(Sandbox::builder(&tree).boot()?))
    }

    fn tree(&self) -> Result<&Tree, Failed> {
        let tree = self.tree.get_or_init(|| {
            Tree::ensure(&mut |line| eprintln!("{line}")).map_err(|error| error.to_string())
        });
        tree.as_ref().map_err(Failed::from)
    }

    fn boot(&self, tree: &Tree, binds: &[(&Path, &str)]) -> Result<Host, Failed> {
        let (binary, probe) = (self.binary()?, self.probe()?);
        let programs = [Program::App, Program::Load, Program::Killer];
        let programs = programs.map(|which| (which, self.program(which)));
        let mut builder = Sandbox::builder(tree);
        for (directory, inside) in binds {
            builder = builder.bind_read_only(directory, inside);
        }
        for (which, path) in programs {
            builder = builder.bind_read_only(path?, format!("/usr/local/bin/{}", which.name()));
        }
        let sandbox = builder
            .bind_read_only(binary, "/usr/local/bin/conductor")
            .bind_read_only(probe, "/usr/bin/conductor-probe")
            .bind_read_only(cases::directory(), "/mnt")
            .boot()?;
        Ok(Host::new(sandbox))
    }
}
