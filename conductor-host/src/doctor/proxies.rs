//! Proxies: whether they read conductor's files, and what nginx does to connections when it is reloaded.

use std::time::Duration;

use conductor_core::name::ProxyName;
use conductor_core::value::Span;

use super::{Check, Diagnosis, Facts, Seen, Unseeable};

/// The first nginx with `keepalive_min_timeout`.
const KEEPS_ALIVE: [u64; 3] = [1, 27, 4];
/// The name in front of a version of nginx, or of a variant that counts as nginx does.
const PRODUCTS: [&str; 2] = ["nginx/", "openresty/"];

/// A proxy that services are behind.
#[derive(Debug)]
pub(crate) struct FoundProxy {
    /// Its name in the host settings.
    pub(crate) name: ProxyName,
    /// Whether it takes a file of conductor in its directory; else the message and what to do.
    pub(crate) trial: Result<(), (Unseeable, Option<String>)>,
    /// What nginx says about itself and its configuration; `None` for another proxy, and if the trial failed.
    pub(crate) nginx: Option<Seen<Nginx>>,
}

/// What an nginx says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nginx {
    /// What it prints with `-v`.
    pub(crate) version: String,
    /// Its whole configuration, as it prints it with `-T`.
    pub(crate) configuration: String,
}

pub(super) fn judge(facts: &Facts, diagnosis: &mut Diagnosis) {
    for proxy in &facts.proxies {
        match &proxy.trial {
            Ok(()) => {}
            Err((Unseeable::Denied(reason), _)) => diagnosis.unseen(Check::Proxy, reason),
            Err((Unseeable::Broken(reason), hint)) => {
                let hint = hint
                    .clone()
                    .unwrap_or_else(|| format!("see the configuration of {}", proxy.name));
                diagnosis.error(Check::Proxy, reason, hint);
            }
        }
        match &proxy.nginx {
            None => {}
            Some(Ok(nginx)) => {
                shutdown(facts, &proxy.name, nginx, diagnosis);
                keepalive(nginx, diagnosis);
            }
            Some(Err(Unseeable::Denied(reason) | Unseeable::Broken(reason))) => {
                diagnosis.unseen(Check::NginxShutdown, reason);
                diagnosis.unseen(Check::NginxKeepalive, reason);
            }
        }
    }
}

/// Judges when old workers end.
fn shutdown(facts: &Facts, proxy: &ProxyName, nginx: &Nginx, diagnosis: &mut Diagnosis) {
    let behind = facts
        .services
        .iter()
        .filter(|service| service.proxy.as_ref().is_some_and(|behind| behind.name == *proxy));
    let Some(longest) = behind.max_by_key(|service| service.deploy.drain.duration()) else {
        return;
    };
    let drain = longest.deploy.drain;
    let Some(value) = directive(&nginx.configuration, "worker_shutdown_timeout") else {
        return diagnosis.warning(
            Check::NginxShutdown,
            "nginx has no worker_shutdown_timeout: after each deploy, old workers live as long as their last \
             connection, a WebSocket for example",
            format!("write worker_shutdown_timeout {}s; into the main section of nginx.conf", drain.duration().as_secs().max(1)),
        );
    };
    if time(value).is_some_and(|timeout| timeout < drain.duration()) {
        diagnosis.warning(
            Check::NginxShutdown,
            format!(
                "worker_shutdown_timeout {value} of nginx is shorter than deploy.drain of {}, {drain}: nginx cuts \
                 off requests for which a deploy would wait",
                longest.id
            ),
            format!("write worker_shutdown_timeout {}s; or a shorter deploy.drain", drain.duration().as_secs().max(1)),
        );
    }
}

/// Judges what a reload does to connections that are kept alive.
fn keepalive(nginx: &Nginx, diagnosis: &mut Diagnosis) {
    let Some((number, version)) = version(&nginx.version) else { return };
    if number < KEEPS_ALIVE {
        diagnosis.warning(
            Check::NginxKeepalive,
            format!(
                "nginx {version} closes kept-alive connections when it is reloaded: a request on one that a client \
                 sends at that moment fails, unless the client repeats it"
            ),
            "install nginx 1.27.4 or newer and set keepalive_min_timeout, or use listen: socket, which needs no reload",
        );
    } else if directive(&nginx.configuration, "keepalive_min_timeout")
        .is_none_or(|value| value == "0")
    {
        diagnosis.warning(
            Check::NginxKeepalive,
            "nginx closes kept-alive connections when it is reloaded, because keepalive_min_timeout is not set",
            "write keepalive_min_timeout 5s; into the http section of nginx.conf",
        );
    }
}

/// Returns the value of a directive, in any section: where it is first.
fn directive<'c>(configuration: &'c str, name: &str) -> Option<&'c str> {
    configuration.lines().find_map(|line| {
        // A line may have several.
        line.split('#').next()?.split([';', '{', '}']).find_map(|directive| {
            let value = directive.trim_start().strip_prefix(name)?;
            value.starts_with(char::is_whitespace).then(|| value.trim())
        })
    })
}

/// Reads a time of nginx: like a span of systemd, with `M` and `y` besides, which nobody needs here.
fn time(text: &str) -> Option<Duration> {
    Some(text.parse::<Span>().ok()?.duration())
}

/// Reads `nginx version: nginx/1.26.3 (Ubuntu)`. A variant with other numbers, such as Angie, has none.
fn version(said: &str) -> Option<([u64; 3], &str)> {
    let (_, text) = PRODUCTS.iter().find_map(|product| said.split_once(product))?;
    let version = text.split(|c: char| c != '.' && !c.is_ascii_digit()).next()?;
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten();
    Some(([next()?, next()?, next()?], version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_found_and_comments_are_not() {
        let text = "# a 1s;\nb 2s; a   3s;\nhttp { c 4s; }\n";
        for (name, value) in [("a", Some("3s")), ("b", Some("2s")), ("c", Some("4s")), ("d", None)]
        {
            assert_eq!(directive(text, name), value, "{name}");
        }
        assert_eq!(directive("ab 1s;\n", "a"), None);
    }

    #[test]
    fn versions_of_nginx_are_read() {
        for (said, read) in [
            ("nginx version: nginx/1.26.3\n", Some([1, 26, 3])),
            ("nginx version: nginx/1.27.4 (Ubuntu)", Some([1, 27, 4])),
            ("nginx version: openresty/1.25.3.1", Some([1, 25, 3])),
            ("Angie version: Angie/1.8.1", None),
            ("", None),
        ] {
            assert_eq!(version(said).map(|(numbers, _)| numbers), read, "{said}");
        }
    }

    #[test]
    fn times_of_nginx_are_read() {
        for (text, seconds) in [
            ("10s", Some(10)),
            ("10", Some(10)),
            ("1m", Some(60)),
            ("1h30m", Some(5400)),
            ("x", None),
        ] {
            assert_eq!(time(text).map(|time| time.as_secs()), seconds, "{text}");
        }
    }
}
