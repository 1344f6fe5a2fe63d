//! What only shows when all services of a host are seen together.

use std::collections::BTreeMap;

use super::{Origin, Proxy, Service};
use crate::error::{Problem, Problems};

/// Checks what only shows when all services of a host are seen together: an id, or an upstream of a
/// proxy, that is used twice.
///
/// # Errors
/// One problem for each service that uses what another one has already.
pub fn check_together(services: &[Service]) -> Result<(), Problems> {
    let mut ids = BTreeMap::new();
    let mut upstreams = BTreeMap::new();
    let mut problems = Vec::new();
    for service in services {
        let Origin { file, position, upstream } = &service.origin;
        let mut refuse = |position, path: String, message, other: &Origin, what| {
            problems.push(Problem {
                file: file.clone(),
                position: Some(position),
                path,
                message,
                hint: Some(format!(
                    "it is defined in {}; give one of them another {what}",
                    other.file.display()
                )),
            });
        };
        if let Some(other) = ids.insert(&service.id, &service.origin) {
            let message = format!("{} is the id of another service, too", service.id);
            refuse(*position, "id".to_owned(), message, other, "id");
            // The upstream of the same service in two files is not worth a word of its own.
            continue;
        }
        let Some(Proxy { name, upstream: own }) = &service.proxy else { continue };
        if let Some(other) = upstreams.insert((name, own), service) {
            let message = format!("{own} is the upstream of {}, too", other.id);
            let path = format!("proxy.{name}.upstream");
            refuse(upstream.unwrap_or(*position), path, message, &other.origin, "upstream");
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn service(id: &str, more: &str) -> Service {
        let text = format!("id: {id}\ncommand: [/bin/x]\nport: 80\n{more}\n");
        Service::parse(Path::new(&format!("{id}.yaml")), &text).unwrap()
    }

    #[test]
    fn an_upstream_belongs_to_one_service() {
        let a = service("a", "proxy: {nginx: {upstream: app}}");
        let others = ["", "proxy: {nginx: {upstream: b}}", "proxy: {edge: {upstream: app}}"];
        for other in others {
            assert_eq!(check_together(&[a.clone(), service("b", other)]), Ok(()), "{other}");
        }
        let b = service("b", "proxy:\n  nginx: {upstream: app}");
        assert_eq!(
            check_together(&[a, b]).unwrap_err().to_string(),
            "b.yaml:5:21: proxy.nginx.upstream: app is the upstream of a, too\n  \
             hint: it is defined in a.yaml; give one of them another upstream"
        );
    }
}
