//! `cargo demo -- --shell`: a shell in the sandbox.

use std::env;
use std::process::ExitCode;

use conductor_sandbox::Sandbox;

use crate::failure::Failure;
use crate::options::Topic;
use crate::screen::Screen;
use crate::stage::Stage;

const SERVICES: &str = "
You are root on a throw-away Debian with a real systemd. Two services are defined in
/etc/conductor/services (hello.yaml, cache.toml); nothing is applied yet. Try:

  conductor check                 are all definitions valid?
  conductor render | less         the units that come out
  conductor apply                 make this host run them
  conductor status                what runs, and on which ports; --watch keeps showing it
  curl localhost:20001            one of hello's instances (see PORT in status)
  systemctl list-units 'conductor-*'

A shop with three versions, and an nginx site for it, are in /srv/shop:

  cp /srv/shop/shop.yaml . && cp /srv/shop/site.conf /etc/nginx/conf.d
  conductor deploy --id shop --revision v1
  systemctl start nginx && curl localhost:8080

Edit a definition (sed -i, or cat >), then conductor diff and conductor apply.
`exit` ends the sandbox; nothing of it stays.
";

const STACK: &str = "
You are root on a throw-away Debian with a real systemd. An application that was written for Compose
is in /srv/stack, and docker has its image localhost/stack with the tags v1 and v2. Try:

  rm *                            the definitions of the other demo
  cat /srv/stack/compose.yaml
  (cd /srv/stack; echo PASSWORD=secret >.env; echo secret >password)
  conductor import compose /srv/stack/compose.yaml --out .
  conductor apply                 make this host run them
  conductor status                what runs, and on which ports; --watch keeps showing it

  cp /srv/stack/site.conf /etc/nginx/conf.d && systemctl start nginx && curl localhost:8080
  sed -i 's/^revision: v1/revision: v2/' migrate.yaml web.yaml worker.yaml scheduler.yaml
  conductor apply --dry-run       what the new version changes, before conductor apply does it

`exit` ends the sandbox; nothing of it stays.
";

/// The terminal type to use if the sandbox does not know this terminal.
const COMMON_TERMINAL: &str = "xterm-256color";

/// Opens the shell, waits until it ends, and returns its exit status.
pub(crate) fn open(screen: &Screen, topic: Topic) -> Result<ExitCode, Failure> {
    let stage = Stage::set(screen, topic)?;
    screen.prints(match topic {
        Topic::Services => SERVICES,
        Topic::Stack => STACK,
    })?;
    let terminal = terminal(stage.sandbox());
    // The shell runs in a unit with its own terminal, so that job control, window sizes, `tty` and logind
    // work as after a login. Without a terminal here, it has a pipe.
    let mut command = stage.sandbox().command("systemd-run");
    command
        .args(["--quiet", "--collect", "--wait", "--pty", "--pipe"])
        .args(["--service-type=exec", "--unit=demo-shell"])
        .args(["--working-directory=/etc/conductor/services", "--setenv=HOME=/root"])
        .arg(format!("--setenv=TERM={terminal}"))
        .env("TERM", terminal)
        // As `--background=`, which Debian 12 does not know.
        .env("SYSTEMD_TINT_BACKGROUND", "0")
        .args(["/bin/bash", "--login"]);
    let status = command
        .status()
        .map_err(|source| Failure::Run { command: "systemd-run".to_owned(), source })?;
    stage.clear()?;
    screen.prints("The sandbox is gone.")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Returns the name of this terminal, or a common one if the sandbox has no terminfo(5) entry for it.
fn terminal(sandbox: &Sandbox) -> String {
    let name = env::var("TERM").unwrap_or_default();
    let known = name.chars().next().is_some_and(|first| {
        ["lib", "share"].iter().any(|directory| {
            sandbox.path(&format!("/usr/{directory}/terminfo/{first}/{name}")).exists()
        })
    });
    if known { name } else { COMMON_TERMINAL.to_owned() }
}
