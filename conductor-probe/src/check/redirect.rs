//! Redirects of a check. They are followed only to the checked server itself: the request contains the check's
//! headers, and the answer counts as the service's.

use ureq::http::header::{HOST, LOCATION};
use ureq::http::uri::{Authority, PathAndQuery, Scheme};
use ureq::http::{HeaderMap, HeaderValue, StatusCode, Uri};

use super::socket::Endpoint;

/// How many redirects are followed.
pub(super) const MOST: usize = 5;

/// The longest URL; each line of a request has to fit into a buffer.
pub(super) const LONGEST: usize = 8 * 1024;

/// How much of a `Location` is shown.
const SHOWN: usize = 160;

/// Why a redirect is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is to another server.
    Away,
    /// It is not a URL that can be requested.
    Malformed,
}

/// Returns the value of `Location` if this is a redirect (RFC 9110, 15.4).
pub(super) fn location(status: StatusCode, headers: &HeaderMap) -> Option<&HeaderValue> {
    match status.as_u16() {
        301 | 302 | 303 | 307 | 308 => headers.get(LOCATION),
        _ => None,
    }
}

/// Returns the URL of a request as its server sees it: with the host of the header, if there is one
/// (RFC 9112, 3.3).
pub(super) fn effective(url: &Uri, headers: &HeaderMap) -> Uri {
    let host = headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    host.and_then(|host| join(url.scheme()?, &host, url.path_and_query()?.as_str()))
        .unwrap_or_else(|| url.clone())
}

/// Returns the target of a redirect.
pub(super) fn follow(
    from: &Uri,
    location: &HeaderValue,
    endpoint: &Endpoint,
) -> Result<Uri, Refused> {
    let location = location.to_str().map_err(|_| Refused::Malformed)?;
    let to = resolve(from, location).ok_or(Refused::Malformed)?;
    if to.scheme() != from.scheme() || !is_same_server(&to, from, endpoint) {
        return Err(Refused::Away);
    }
    Ok(to)
}

/// Returns what a server sent as one line that is safe for a terminal.
pub(super) fn shown(location: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(location.as_bytes());
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Resolves a reference (RFC 3986, 5.2), without its fragment.
fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    let reference = reference.split('#').next().unwrap_or_default();
    let (scheme, rest) = match split_scheme(reference) {
        Some((scheme, rest)) => {
            (Scheme::try_from(scheme.to_ascii_lowercase().as_str()).ok()?, rest)
        }
        None => (base.scheme()?.clone(), reference),
    };
    let (authority, rest) = match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            (Authority::try_from(&rest[..end]).ok()?, &rest[end..])
        }
        // Such as "mailto:" and "http:path".
        None if rest.len() < reference.len() => return None,
        None => (base.authority()?.clone(), rest),
    };
    let is_whole = rest.len() < reference.len();
    let path = match rest.as_bytes().first() {
        Some(b'/') => without_dots(rest),
        Some(b'?') if is_whole => format!("/{rest}"),
        None if is_whole => "/".to_owned(),
        Some(b'?') => format!("{}{rest}", base.path()),
        None => base.path_and_query()?.as_str().to_owned(),
        Some(_) => {
            let directory = base.path().rfind('/').map_or("/", |end| &base.path()[..=end]);
            without_dots(&format!("{directory}{rest}"))
        }
    };
    join(&scheme, &authority, &path)
}

fn split_scheme(reference: &str) -> Option<(&str, &str)> {
    let (scheme, _) = reference.split_once(':')?;
    let plain = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    plain.then(|| (scheme, &reference[scheme.len() + 1..]))
}

/// Removes the segments `.` and `..` of a path (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let (path, query) = path.find('?').map_or((path, ""), |at| path.split_at(at));
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        kept.push("");
    }
    format!("/{}{query}", kept.join("/"))
}

fn join(scheme: &Scheme, authority: &Authority, path: &str) -> Option<Uri> {
    if authority.as_str().len() + path.len() > LONGEST || authority.as_str().contains('@') {
        return None;
    }
    let path = PathAndQuery::try_from(path).ok()?;
    let uri = Uri::builder().scheme(scheme.clone()).authority(authority.clone());
    uri.path_and_query(path).build().ok()
}

/// Returns whether a URL is of the checked server: with its address, or with the host of the previous request.
fn is_same_server(to: &Uri, from: &Uri, endpoint: &Endpoint) -> bool {
    let port = |uri: &Uri| uri.port_u16().unwrap_or(default_port(uri));
    let host = |uri: &Uri| uri.host().unwrap_or_default().to_ascii_lowercase();
    let named = host(to) == host(from);
    match endpoint {
        Endpoint::Unix(_) => named && port(to) == port(from),
        Endpoint::Tcp(address) => {
            let here = probe_protocol::host(&host(to)).is_ok_and(|host| host == address.ip());
            (here && port(to) == address.port())
                || (named && [port(from), address.port()].contains(&port(to)))
        }
    }
}

fn default_port(uri: &Uri) -> u16 {
    if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_as_in_rfc_3986() {
        let base: Uri = "http://a/b/c/d?q".parse().unwrap();
        for (reference, target) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("//g?y", "http://g/?y"),
            ("?y", "http://a/b/c/d?y"),
            ("g?y#s", "http://a/b/c/g?y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("", "http://a/b/c/d?q"),
            ("#s", "http://a/b/c/d?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../..", "http://a/"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("http://h:81/x", "http://h:81/x"),
            ("HTTP://h", "http://h/"),
            ("ftp://h/x", "ftp://h/x"),
        ] {
            assert_eq!(
                resolve(&base, reference).map(|uri| uri.to_string()),
                Some(target.to_owned()),
                "{reference:?}"
            );
        }
        for reference in ["http:g", "mailto:a@b", "http://u@a/", "//", "a b", "http://[::1/"] {
            assert_eq!(resolve(&base, reference), None, "{reference:?}");
        }
        assert_eq!(resolve(&base, &"x".repeat(LONGEST)), None);
    }

    #[test]
    fn a_redirect_stays_at_the_server_that_is_asked() {
        let follow = |from: &str, host: Option<&'static str>, to: &str, endpoint: &Endpoint| {
            let headers = host.map(|host| (HOST, HeaderValue::from_static(host)));
            let from = effective(&from.parse().unwrap(), &headers.into_iter().collect());
            follow(&from, &HeaderValue::from_str(to).unwrap(), endpoint).map(|uri| uri.to_string())
        };
        let tcp = Endpoint::Tcp(([127, 0, 0, 1], 81).into());
        let url = "http://127.0.0.1:81/health";
        for (host, to, target) in [
            (None, "/x", Ok("http://127.0.0.1:81/x")),
            (None, "http://127.0.0.1:81/x", Ok("http://127.0.0.1:81/x")),
            (None, "http://localhost:81/x", Ok("http://localhost:81/x")),
            (None, "http://127.0.0.1:82/x", Err(Refused::Away)),
            (None, "http://127.0.0.1/x", Err(Refused::Away)),
            (None, "http://127.0.0.2:81/x", Err(Refused::Away)),
            (None, "https://127.0.0.1:81/x", Err(Refused::Away)),
            (None, "//shop.example:81/x", Err(Refused::Away)),
            (None, "ftp://127.0.0.1:81/x", Err(Refused::Away)),
            (None, "http://a@127.0.0.1:81/x", Err(Refused::Malformed)),
            (Some("shop.example"), "/x", Ok("http://shop.example/x")),
            (Some("shop.example"), "http://SHOP.example/x", Ok("http://SHOP.example/x")),
            (Some("shop.example"), "http://shop.example:81/x", Ok("http://shop.example:81/x")),
            (Some("shop.example"), "http://127.0.0.1:81/x", Ok("http://127.0.0.1:81/x")),
            (Some("shop.example"), "http://shop.example:82/x", Err(Refused::Away)),
            (Some("shop.example"), "http://shop.example.evil/x", Err(Refused::Away)),
            (Some("shop.example"), "http://127.0.0.1/x", Err(Refused::Away)),
        ] {
            let followed = follow(url, host, to, &tcp);
            assert_eq!(followed.as_deref(), target.as_deref(), "{host:?} {to}");
        }
        let unix = Endpoint::Unix("/run/app".into());
        let url = "http://localhost/health";
        for (host, to, target) in [
            (None, "/x", Ok("http://localhost/x")),
            (None, "http://localhost/x", Ok("http://localhost/x")),
            (None, "http://localhost:81/x", Err(Refused::Away)),
            (None, "http://127.0.0.1/x", Err(Refused::Away)),
            (Some("app"), "http://app/x", Ok("http://app/x")),
            (Some("app"), "http://localhost/x", Err(Refused::Away)),
        ] {
            let followed = follow(url, host, to, &unix);
            assert_eq!(followed.as_deref(), target.as_deref(), "{host:?} {to}");
        }
    }

    #[test]
    fn what_is_shown_of_a_location_is_one_harmless_line() {
        let hostile = HeaderValue::from_bytes("/\u{9b}2J\u{202e}\t\u{fffd}".as_bytes()).unwrap();
        assert_eq!(shown(&hostile), "/\\u{9b}2J\\u{202e}\\t\u{fffd}");
        assert_eq!(shown(&HeaderValue::from_bytes(b"\xff").unwrap()), "\u{fffd}");
        let long = HeaderValue::from_str(&"x".repeat(1000)).unwrap();
        assert_eq!(shown(&long), format!("{}…", "x".repeat(SHOWN)));
    }
}
