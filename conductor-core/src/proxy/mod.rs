//! The files that list a service's instances for a proxy.

mod observed;
mod template;

use crate::name::{ProxyName, ServiceId};

pub use observed::Upstreams;
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
