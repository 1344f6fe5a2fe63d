//! Puts ports of this host behind its nginx, without any of conductor's services.
//!
//! ```text
//! proxy observe | test | try ID UPSTREAM PORT... | write ID UPSTREAM PORT... | remove ID
//! proxy reload SECONDS | forget ID
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use conductor_core::name::{ProxyName, ServiceId};
use conductor_core::proxy::UpstreamChange;
use conductor_core::service::Proxy;
use conductor_core::value::{Endpoint, ListenAddress};
use conductor_host::system::{Paths, Proxies, ProxyError, Systemd, read_settings};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.downcast_ref().and_then(ProxyError::hint) {
                eprintln!("hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let settings = read_settings(Path::new("/etc/conductor/host.yaml"), None)?;
    let proxies = Proxies::new(&settings, &Paths::system(Path::new("/")));
    let nginx = ProxyName::nginx();
    let parse = |id: &str| id.parse::<ServiceId>().map_err(Box::<dyn Error>::from);
    match arguments {
        ["observe"] => println!("{:#?}", proxies.observe()?),
        ["test"] => proxies.test(&nginx)?,
        ["remove", id] => {
            let change = UpstreamChange { service: parse(id)?, text: None };
            proxies.write(&nginx, &[change], true)?;
        }
        ["forget", id] => proxies.forget_pending(&parse(id)?)?,
        [what @ ("try" | "write"), id, upstream, ports @ ..] => {
            let id = parse(id)?;
            let proxy = Proxy { name: nginx.clone(), upstream: upstream.parse()? };
            let endpoint = |port: &&str| {
                let listen = ListenAddress::default();
                port.parse().map(|port| Endpoint::Tcp { listen, port })
            };
            let endpoints = ports.iter().map(endpoint).collect::<Result<Vec<_>, _>>()?;
            let file = proxies.templates()?.render(&proxy, &id, &endpoints)?;
            let changes = [UpstreamChange { service: id, text: Some(file.text) }];
            match *what {
                "try" => proxies.try_out(&nginx, &changes)?,
                _ => proxies.write(&nginx, &changes, true)?,
            }
        }
        ["reload", seconds] => {
            let began = Instant::now();
            let old = proxies.reload(&Systemd::system()?, &nginx)?.unwrap_or_default();
            println!("took over after {} ms", began.elapsed().as_millis());
            let left = proxies.drain(&old, Duration::from_secs(seconds.parse()?), &|| false);
            println!("{left} left after {} ms", began.elapsed().as_millis());
        }
        _ => return Err("proxy observe|test|try|write|remove|reload|forget ...".into()),
    }
    Ok(())
}
