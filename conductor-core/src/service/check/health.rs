//! Checks the health check of a service.

use std::collections::BTreeSet;

use probe_protocol::Timing;

use super::{Check, table};
use crate::definition::{
    self, Fault, Field, Located, MOST_CHECKS, Method, NodeId, Table, defaults,
};
use crate::service::{Health, HealthCheck, HttpCheck};
use crate::value::{
    Argument, BodyText, FixedPort, HeaderName, HeaderValue, HostPath, Port, Protocol, RequestPath,
    StatusCodes,
};

/// How many ports a hint lists.
const LONGEST_LIST: usize = 5;

/// The ports of the host that lead to a service.
#[derive(Clone, Copy)]
pub(super) struct Published<'p> {
    pub(super) ports: &'p [Located<FixedPort>],
    /// Whether they are those of its pod.
    pub(super) of_pod: bool,
}

/// The keys that only an HTTP check has.
struct HttpKeys {
    socket: Field<HostPath>,
    method: Field<Method>,
    headers: Field<Table<HeaderName, HeaderValue>>,
    status: Field<StatusCodes>,
    contains: Field<BodyText>,
    follow_redirects: Field<bool>,
}

impl Check<'_> {
    pub(super) fn health(
        &self,
        health: Field<definition::Health>,
        is_reached: bool,
        ports: Published<'_>,
    ) -> Option<Health> {
        let health = health.given()?;
        // Without `..`: a new field does not compile until it is handled here.
        let definition::Health {
            http,
            tcp,
            command,
            socket,
            port,
            method,
            headers,
            status,
            contains,
            follow_redirects,
            interval,
            timeout,
            retries,
            success_threshold,
            start_period,
        } = health.value;
        let keys = HttpKeys { socket, method, headers, status, contains, follow_redirects };
        let refused = matches!(http, Field::Refused)
            || matches!(tcp, Field::Refused)
            || matches!(command, Field::Refused);
        let http = http.given();
        let tcp = tcp.given().filter(|tcp| tcp.value);
        let port = self.checked_port(http.as_ref(), tcp.as_ref(), &keys, (port, is_reached, ports));
        if http.is_none() && !refused {
            self.no_http_keys(&keys);
        }
        self.head_has_no_body(&keys);
        self.no_docker_words(&command);
        let check = match (http, tcp, self.command(command, None)) {
            (Some(http), None, None) => Some(HealthCheck::Http(Self::http_check(http.value, keys))),
            (None, Some(_), None) => Some(HealthCheck::Tcp),
            (None, None, Some(command)) => Some(HealthCheck::Command(command)),
            _ if refused => None,
            _ => {
                let fault = Fault::new("exactly one of http, tcp and command is needed");
                self.refuse(health.at, fault.hint("write for example http: /health"));
                None
            }
        };
        let default = Timing::DEFAULT;
        let interval = self.span(interval, defaults::span(default.interval));
        let timeout_is_given = !timeout.is_absent();
        let timeout = self.span(
            timeout,
            match check {
                Some(HealthCheck::Command(_)) => defaults::COMMAND_TIMEOUT,
                _ => defaults::span(default.timeout),
            },
        );
        let retries = self.number(retries, "retries", MOST_CHECKS).unwrap_or(default.retries);
        let success_threshold = self.number(success_threshold, "successes", MOST_CHECKS);
        Some(Health {
            check: check?,
            port,
            interval,
            timeout,
            timeout_is_given,
            retries,
            success_threshold: success_threshold.unwrap_or(default.success_threshold),
            start_period: self.wait(start_period, defaults::span(default.start_period)),
        })
    }

    fn http_check(path: RequestPath, keys: HttpKeys) -> HttpCheck {
        let HttpKeys { socket, method, headers, status, contains, follow_redirects } = keys;
        HttpCheck {
            path,
            socket: socket.into_value(),
            method: method.into_value().unwrap_or_default(),
            headers: table(headers),
            status: status.into_value(),
            contains: contains.into_value(),
            follow_redirects: follow_redirects.into_value().unwrap_or(defaults::FOLLOW_REDIRECTS),
        }
    }

    /// Returns the fixed port that is checked, if it is one; else the instance's own port or socket is.
    fn checked_port(
        &self,
        http: Option<&Located<RequestPath>>,
        tcp: Option<&Located<bool>>,
        keys: &HttpKeys,
        (named, is_reached, published): (Field<Port>, bool, Published<'_>),
    ) -> Option<Port> {
        let Published { ports, of_pod } = published;
        let tcp_ports = || ports.iter().filter(|port| port.value.protocol == Protocol::Tcp);
        let without_socket = http.filter(|_| keys.socket.is_absent()).map(|http| http.at);
        let asks = without_socket.or(tcp.map(|tcp| tcp.at));
        let numbers: BTreeSet<_> = tcp_ports().flat_map(|port| port.value.numbers()).collect();
        let list = || {
            let numbers = numbers.iter().take(LONGEST_LIST).map(ToString::to_string);
            numbers.collect::<Vec<_>>().join(" or ")
        };
        if let Field::Given(named) = named {
            let fault = match asks {
                None => Fault::new("this key works only with http and tcp")
                    .hint("remove it, or check with http: /health or tcp: true"),
                Some(_) if tcp_ports().any(|port| port.value.is_tcp(named.value)) => {
                    return Some(named.value);
                }
                Some(_) if list().is_empty() => {
                    Fault::new("the service has no TCP port in ports").hint("remove this key")
                }
                Some(_) => {
                    Fault::new(format!("{} is no TCP port of the host in ports", named.value))
                        .hint(format!("write {}", list()))
                }
            };
            self.refuse(named.at, fault);
            return None;
        }
        let at = asks.filter(|_| !is_reached)?;
        let fault = match (tcp_ports().next(), numbers.len()) {
            (Some(port), 1) => return Some(port.value.first()),
            (Some(_), _) => Fault::new("the service has several ports")
                .hint(format!("add to health which one is checked, port: {}", list())),
            (None, _) => Fault::new("the service has no port to check").hint(match of_pod {
                true => {
                    "add to its pod ports: [NUMBER:NUMBER], the same for each service in it; or check with a command"
                }
                false => {
                    "add to the service port: NUMBER, ports: [NUMBER:NUMBER] for a fixed port, or listen: socket"
                }
            }),
        };
        self.refuse(at, fault);
        None
    }

    /// Refuses the words with which a health check begins in Docker and Compose: they are no programs.
    fn no_docker_words(&self, command: &Field<Vec<Field<Argument>>>) {
        let Field::Given(command) = command else { return };
        let Some(Field::Given(first)) = command.value.first() else { return };
        let hint = match first.value.as_str() {
            "CMD" => "leave CMD out: the list is the program and its arguments",
            "CMD-SHELL" => "write the shell that is to run it: [/bin/sh, -c, \"...\"]",
            "NONE" => "remove health: without it there is no check",
            _ => return,
        };
        let word = first.value.as_str();
        let fault = Fault::new(format!("{word} is a word of Docker's, and no program"));
        self.refuse(first.at, fault.hint(hint));
    }

    fn head_has_no_body(&self, keys: &HttpKeys) {
        let HttpKeys { method: Field::Given(method), contains: Field::Given(contains), .. } = keys
        else {
            return;
        };
        if method.value == Method::Head {
            let fault = Fault::new("the answer to a HEAD request has no body");
            self.refuse(contains.at, fault.hint("remove contains, or remove method"));
        }
    }

    /// Refuses keys that would have no effect.
    fn no_http_keys(&self, keys: &HttpKeys) {
        let HttpKeys { socket, method, headers, status, contains, follow_redirects } = keys;
        for at in [
            place(socket),
            place(method),
            place(headers),
            place(status),
            place(contains),
            place(follow_redirects),
        ]
        .into_iter()
        .flatten()
        {
            let fault = Fault::new("this key works only with http");
            self.refuse(at, fault.hint("remove it, or check with http: /health"));
        }
    }
}

fn place<T>(field: &Field<T>) -> Option<NodeId> {
    match field {
        Field::Given(Located { at, .. }) => Some(*at),
        Field::Absent | Field::Refused => None,
    }
}
