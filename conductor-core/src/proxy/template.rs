//! Renders the files of proxies with Handlebars.

use std::collections::BTreeMap;
use std::path::PathBuf;

use handlebars::Handlebars;
use serde::Serialize;

use super::UpstreamFile;
use crate::name::{ProxyName, ServiceId};
use crate::service::Proxy;
use crate::unit::render::{self, Values};
use crate::unit::{Override, TemplateError};
use crate::value::Endpoint;

/// Why there is no file for a proxy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The template has an error.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The path of a socket contains a character that is special to a proxy.
    #[error(
        "{service}: {endpoint} cannot be written to a proxy's configuration: it contains {character:?}"
    )]
    Endpoint {
        /// The service.
        service: ServiceId,
        /// The address of the instance.
        endpoint: Endpoint,
        /// The special character.
        character: char,
    },
}

/// The templates of all proxies: that of nginx, and the host's own for some.
///
/// They are separate from those of units, because they are not part of a release.
#[derive(Debug)]
pub struct ProxyTemplates {
    registry: Handlebars<'static>,
    /// The proxies with an own template, which is registered under the proxy's name.
    own: BTreeMap<ProxyName, PathBuf>,
}

/// The values for a template.
#[derive(Serialize)]
struct View<'a> {
    id: &'a ServiceId,
    upstream: &'a str,
    servers: Vec<Server<'a>>,
}

/// One instance; values that it does not have are empty.
#[derive(Serialize)]
struct Server<'a> {
    /// In the syntax of nginx.
    address: String,
    host: String,
    port: String,
    socket: &'a str,
}

impl ProxyTemplates {
    /// Loads the templates of the proxies that have their own.
    ///
    /// # Errors
    /// One of them is not a template.
    pub fn new(
        own: impl IntoIterator<Item = (ProxyName, Override)>,
    ) -> Result<Self, TemplateError> {
        let mut registry = render::engine();
        let nginx = unit_templates::NGINX;
        render::register(&mut registry, nginx.file, nginx.text, PathBuf::from(nginx.file))?;
        let mut files = BTreeMap::new();
        for (proxy, Override { file, text }) in own {
            // No proxy's name contains a dot, so this is never the name of nginx's template.
            render::register(&mut registry, proxy.as_str(), &text, file.clone())?;
            files.insert(proxy, file);
        }
        Ok(Self { registry, own: files })
    }

    /// Renders the file of a service's proxy, with the addresses of the instances in their order.
    ///
    /// # Errors
    /// The template fails, or a socket's path contains a character that is special to a proxy.
    pub fn render(
        &self,
        proxy: &Proxy,
        service: &ServiceId,
        endpoints: &[Endpoint],
    ) -> Result<UpstreamFile, UpstreamError> {
        let servers = endpoints.iter().map(|endpoint| server(service, endpoint));
        let view = View {
            id: service,
            upstream: proxy.upstream.as_str(),
            servers: servers.collect::<Result<_, _>>()?,
        };
        let (name, file) = match self.own.get(&proxy.name) {
            Some(file) => (proxy.name.as_str(), file.clone()),
            None => (unit_templates::NGINX.file, PathBuf::from(unit_templates::NGINX.file)),
        };
        let text = render::render(&self.registry, name, &Values::new(&view), || file.clone())?;
        Ok(UpstreamFile::new(&proxy.name, service, text))
    }
}

/// Returns the values of an instance. Nothing is escaped, because proxies differ: only paths without special
/// characters are accepted. Addresses and ports are numbers, and the name of an upstream is plain.
fn server<'a>(service: &ServiceId, endpoint: &'a Endpoint) -> Result<Server<'a>, UpstreamError> {
    let address = endpoint.to_string();
    match endpoint {
        Endpoint::Tcp { listen, port } => {
            let host = listen.reached_at().to_string();
            Ok(Server { address, host, port: port.to_string(), socket: "" })
        }
        Endpoint::Socket(path) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@+".contains(c);
            match path.as_str().chars().find(|c| !plain(*c)) {
                None => {
                    let empty = String::new;
                    Ok(Server { address, host: empty(), port: empty(), socket: path.as_str() })
                }
                Some(character) => Err(UpstreamError::Endpoint {
                    service: service.clone(),
                    endpoint: endpoint.clone(),
                    character,
                }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(name: &str) -> Proxy {
        Proxy { name: name.parse().unwrap(), upstream: "app".parse().unwrap() }
    }

    fn tcp(listen: &str, port: &str) -> Endpoint {
        Endpoint::Tcp { listen: listen.parse().unwrap(), port: port.parse().unwrap() }
    }

    fn socket(path: &str) -> Endpoint {
        Endpoint::Socket(path.parse().unwrap())
    }

    fn render(templates: &ProxyTemplates, proxy: &Proxy, endpoints: &[Endpoint]) -> String {
        templates.render(proxy, &"web".parse().unwrap(), endpoints).unwrap().text
    }

    fn own(text: &str) -> Result<ProxyTemplates, TemplateError> {
        let file = Override { file: "own/haproxy.hbs".into(), text: text.to_owned() };
        ProxyTemplates::new([("haproxy".parse().unwrap(), file)])
    }

    #[test]
    fn nginx_gets_an_upstream_with_the_instances_in_their_order() {
        let templates = ProxyTemplates::new([]).unwrap();
        let endpoints =
            [tcp("0.0.0.0", "20002"), tcp("::1", "20001"), socket("/run/conductor/web-v1.sock")];
        assert_eq!(
            render(&templates, &proxy("nginx"), &endpoints),
            "# Written by conductor from the definition of web; changes here are lost.\n\n\
             upstream app {\n    server 127.0.0.1:20002 max_fails=0;\n    \
             server [::1]:20001 max_fails=0;\n    \
             server unix:/run/conductor/web-v1.sock max_fails=0;\n}\n\
             # X-Conductor: proxy=nginx service=web\n"
        );
    }

    #[test]
    fn without_instances_the_upstream_still_parses() {
        let templates = ProxyTemplates::new([]).unwrap();
        let text = render(&templates, &proxy("nginx"), &[]);
        assert!(text.contains("upstream app {\n    # No instance"), "{text}");
        assert!(text.contains("\n    server 127.0.0.1:1 down;\n}\n"), "{text}");
    }

    #[test]
    fn a_proxy_has_a_template_of_its_own() {
        let templates =
            own("backend {{upstream}} # {{id}}\n{{#each servers}}\n  server i{{@index}} \
             {{#if socket}}unix@{{socket}}{{else}}{{host}}:{{port}}{{/if}}\n{{/each}}")
            .unwrap();
        let endpoints = [tcp("10.0.0.5", "80"), socket("/run/a.sock")];
        assert_eq!(
            render(&templates, &proxy("haproxy"), &endpoints),
            "backend app # web\n  server i0 10.0.0.5:80\n  server i1 unix@/run/a.sock\n\
             # X-Conductor: proxy=haproxy service=web\n"
        );
        // Other proxies have that of nginx.
        assert!(render(&templates, &proxy("edge"), &endpoints).contains("upstream app {"));
    }

    #[test]
    fn an_error_in_a_template_is_told_with_its_place() {
        assert!(own("a\n{{#if x}}").unwrap_err().to_string().starts_with("own/haproxy.hbs:"));
        for (text, start) in [
            ("a\n{{nothing}}", "own/haproxy.hbs:2:1: there is no value"),
            ("a\rb", "own/haproxy.hbs: the rendered text contains '\\r'"),
        ] {
            let error = own(text).unwrap().render(&proxy("haproxy"), &"web".parse().unwrap(), &[]);
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with(start), "{error}");
        }
    }

    #[test]
    fn no_socket_ends_its_line() {
        let templates = ProxyTemplates::new([]).unwrap();
        for path in
            ["/run/a{b", "/run/a}b", "/run/a,b", "/run/a%b", "/run/ä", "/run/a=b", "/run/a(b"]
        {
            let error = templates.render(&proxy("nginx"), &"web".parse().unwrap(), &[socket(path)]);
            assert!(matches!(error, Err(UpstreamError::Endpoint { .. })), "{path}");
        }
    }
}
