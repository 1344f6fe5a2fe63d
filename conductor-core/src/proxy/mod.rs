//! The files that list a service's instances for a proxy.

mod observed;
mod sequence;
mod template;

use crate::name::{ProxyName, ServiceId};

pub use observed::Upstreams;
pub use sequence::{FileStep, sequence};
pub use template::{ProxyTemplates, UpstreamError};

/// The beginning of the last line of each of conductor's files, which identifies it. In the configuration of
/// all supported proxies, a line with a `#` is a comment.
const MARK: &str = "# X-Conductor: ";

/// A file that conductor writes for a proxy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UpstreamFile {
    /// The proxy that reads it.
    pub proxy: ProxyName,
    /// The service whose instances it lists.
    pub service: ServiceId,
    /// Its whole text, including the mark at the end.
    pub text: String,
}

/// A change of a service's file for a proxy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UpstreamChange {
    /// The service.
    pub service: ServiceId,
    /// The new text of its file; `None` if the file is to be removed.
    pub text: Option<String>,
}

/// The words in front of the name of an upstream: that of nginx, and that of haproxy and Varnish.
const KEYWORDS: [&str; 2] = ["upstream", "backend"];

impl UpstreamFile {
    /// Appends the mark to a text, so that every file has it, whatever its template.
    fn new(proxy: &ProxyName, service: &ServiceId, mut text: String) -> Self {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&mark(proxy, service));
        text.push('\n');
        Self { proxy: proxy.clone(), service: service.clone(), text }
    }

    /// Returns the names of the upstreams in it. Those of a template in another syntax than nginx's, haproxy's or
    /// Varnish's are not known.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        names(&self.text)
    }

    /// Reads the mark at the end of a file; `None` if the file is not conductor's.
    pub fn parse(text: &str) -> Option<Self> {
        let last = text.strip_suffix('\n')?.lines().next_back()?;
        let (proxy, service) = last.strip_prefix(MARK)?.split_once(' ')?;
        Some(Self {
            proxy: proxy.strip_prefix("proxy=")?.parse().ok()?,
            service: service.strip_prefix("service=")?.parse().ok()?,
            text: text.to_owned(),
        })
    }
}

/// Returns the names of the upstreams that a text defines.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        words.next().filter(|word| KEYWORDS.contains(word))?;
        words.next().map(|name| name.trim_end_matches('{')).filter(|name| !name.is_empty())
    })
}

/// Returns the last line of a file.
pub fn mark(proxy: &ProxyName, service: &ServiceId) -> String {
    format!("{MARK}proxy={proxy} service={service}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_last_line() {
        let (proxy, service) = (ProxyName::nginx(), "web".parse().unwrap());
        for text in ["", "a", "a\n", "a\n\n", "# X-Conductor: proxy=nginx service=other\n"] {
            let file = UpstreamFile::new(&proxy, &service, text.to_owned());
            assert_eq!(UpstreamFile::parse(&file.text), Some(file));
        }
    }

    #[test]
    fn the_upstreams_of_a_file_are_known() {
        let text = "# upstream no;\nupstream app {\n  server 127.0.0.1:1;\n}\nupstream b{\n}\n\
                    backend c # upstream d\n  server upstream e\nupstream\nupstream #f\n";
        assert_eq!(names(text).collect::<Vec<_>>(), ["app", "b", "c"]);
    }

    #[test]
    fn what_has_no_mark_at_its_end_is_foreign() {
        for text in [
            "",
            "\n",
            "upstream web { server 127.0.0.1:1; }\n",
            "# X-Conductor: proxy=nginx service=web",
            "# X-Conductor: proxy=nginx service=web\nserver {}\n",
            "x # X-Conductor: proxy=nginx service=web\n",
            "# X-Conductor: proxy=nginx service=../web\n",
            "# X-Conductor: proxy=nginx\n",
        ] {
            assert_eq!(UpstreamFile::parse(text), None, "{text:?}");
        }
    }
}
