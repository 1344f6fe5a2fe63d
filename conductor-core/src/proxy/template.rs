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
    /// The template is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The path of a socket could be taken for something else.
    #[error(
        "{service}: {endpoint} cannot be written to a proxy's configuration: it contains {character:?}"
    )]
    Endpoint {
        /// The service.
        service: ServiceId,
        /// Where the instance is reached.
        endpoint: Endpoint,
        /// What is in the way.
        character: char,
    },
}

/// The templates of all proxies: nginx's form, and the host's own for some.
///
/// They are apart from those of units, because they are no part of what an instance is.
#[derive(Debug)]
pub struct ProxyTemplates {
    registry: Handlebars<'static>,
    /// The proxies with a template of their own, which is registered under their name.
    own: BTreeMap<ProxyName, PathBuf>,
}

/// What a template may refer to.
#[derive(Serialize)]
struct View<'a> {
    id: &'a ServiceId,
    upstream: &'a str,
    servers: Vec<Server<'a>>,
}

/// One instance; what it does not have is empty.
#[derive(Serialize)]
struct Server<'a> {
    /// As nginx has it.
    address: String,
    host: String,
    port: String,
    socket: &'a str,
}

impl ProxyTemplates {
    /// Loads the templates of proxies that do not use nginx's.
    ///
    /// # Errors
    /// One of them is no template.
    pub fn new(
        own: impl IntoIterator<Item = (ProxyName, Override)>,
    ) -> Result<Self, TemplateError> {
        let mut registry = render::engine();
        let nginx = unit_templates::NGINX;
        render::register(&mut registry, nginx.file, nginx.text, PathBuf::from(nginx.file))?;
        let mut files = BTreeMap::new();
        for (proxy, Override { file, text }) in own {
            // The name of no proxy has a dot, so this is never the name of nginx's template.
            render::register(&mut registry, proxy.as_str(), &text, file.clone())?;
            files.insert(proxy, file);
        }
        Ok(Self { registry, own: files })
    }

    /// Writes what a service's proxy is told: where its instances are reached, in their order.
    ///
    /// # Errors
    /// The template fails, or a socket's path means something to a proxy.
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

/// Describes an instance. No proxy's syntax is escaped here: only what means nothing in any passes.
/// An address and a port are numbers, and the name of an upstream is plain already.
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
        // Others have nginx's.
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
