//! Recognizes requests in the commands of health checks: `curl` and `wget` of the container's own address.

/// A request that a command makes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Whether any answer is healthy, as for curl without `-f`.
    pub(crate) any_status: bool,
}

/// Returns the request of a command that does nothing else; `None` if it is or may be more than that.
pub(crate) fn request(words: &[String]) -> Option<Request> {
    let (program, arguments) = words.split_first()?;
    let program = program.rsplit('/').next()?;
    let (mut url, mut headers, mut fails) = (None, Vec::new(), program == "wget");
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match (program, argument) {
            ("curl", "-f" | "--fail" | "--fail-with-body") => fails = true,
            ("curl", "-H" | "--header") => headers.push(header(arguments.next()?)?),
            ("curl", "-o" | "--output") if arguments.next()? == "/dev/null" => {}
            // A limit on the time, which the check has, and the number of tries.
            ("curl", "-m" | "--max-time" | "--connect-timeout" | "--retry")
            | ("wget", "-T" | "--timeout" | "-t") => {
                arguments.next()?.parse::<f64>().ok()?;
            }
            ("curl", flags) if is_flags(flags, "fsS4i") => fails |= flags.contains('f'),
            ("wget", "-O" | "-qO" | "--output-document")
                if matches!(arguments.next()?, "-" | "/dev/null") => {}
            ("wget", other) if other.starts_with("--header=") => {
                headers.push(header(other.strip_prefix("--header=")?)?);
            }
            ("curl" | "wget", option) if changes_nothing(program, option) => {}
            ("curl" | "wget", word) if !word.starts_with('-') && url.is_none() => url = Some(word),
            _ => return None,
        }
    }
    let (port, path) = own(url?)?;
    Some(Request { port, path, headers, any_status: !fails })
}

/// Returns the words of a shell's text if it is one simple command; a last `|| exit 1` is left out.
pub(crate) fn simple(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    let text = match text.rsplit_once("||") {
        Some((before, after)) if matches!(after.trim(), "exit 1" | "exit -1" | "false") => before,
        _ => text,
    };
    let text = text.trim();
    let text = ["> /dev/null 2>&1", ">/dev/null 2>&1", ">/dev/null", "> /dev/null"]
        .iter()
        .find_map(|end| text.strip_suffix(end))
        .unwrap_or(text);
    let parsed = crate::words::split(text).filter(|parsed| parsed.rest.is_none())?;
    // A shell would replace these.
    (!text.contains(['$', '`', '*', '#'])).then_some(parsed.words)
}

/// Returns whether an option says only what is printed, or how often it is tried.
fn changes_nothing(program: &str, option: &str) -> bool {
    const CURL: [&str; 4] = ["--silent", "--show-error", "--no-progress-meter", "--ipv4"];
    const WGET: [&str; 16] = [
        "--spider",
        "--quiet",
        "-q",
        "-nv",
        "--no-verbose",
        "-qS",
        "-4",
        "-S",
        "--server-response",
        "--no-cache",
        "-O-",
        "-qO-",
        "-qO/dev/null",
        "-O/dev/null",
        "--output-document=/dev/null",
        "--output-document=-",
    ];
    let numbers = ["--tries=", "--timeout=", "-t", "-T"];
    if program == "curl" {
        CURL.contains(&option)
    } else {
        WGET.contains(&option) || number_after(option, &numbers)
    }
}

fn is_flags(word: &str, known: &str) -> bool {
    word.strip_prefix('-')
        .is_some_and(|flags| !flags.is_empty() && flags.chars().all(|flag| known.contains(flag)))
}

fn number_after(word: &str, prefixes: &[&str]) -> bool {
    let mut rests = prefixes.iter().filter_map(|prefix| word.strip_prefix(prefix));
    rests.any(|rest| rest.parse::<u32>().is_ok())
}

fn header(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once(':')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

/// Returns port and path of a URL at the container's own address.
fn own(url: &str) -> Option<(u16, String)> {
    let rest = match url.split_once("://") {
        Some(("http", rest)) => rest,
        Some(_) => return None,
        None => url,
    };
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, 80),
    };
    let path = path.split('#').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    matches!(host, "localhost" | "127.0.0.1" | "0.0.0.0" | "[::1]" | "::1")
        .then(|| (port, format!("{slash}{path}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_recognized() {
        for (text, port, path, any_status) in [
            ("curl -f http://localhost:8080/health || exit 1", 8080, "/health", false),
            ("curl --fail --silent localhost/ping", 80, "/ping", false),
            ("curl -fsS -o /dev/null http://127.0.0.1:3000", 3000, "/", false),
            ("curl http://localhost:9200?pretty", 9200, "/?pretty", true),
            ("wget --no-verbose --tries=1 --spider http://localhost:8096/h", 8096, "/h", false),
            ("wget -qO- http://localhost:1 >/dev/null 2>&1 || exit 1", 1, "/", false),
        ] {
            let request = request(&simple(text).unwrap()).unwrap();
            let any = request.any_status;
            assert_eq!((request.port, request.path.as_str(), any), (port, path, any_status));
        }
        for text in [
            "curl -f http://db:8080/",
            "curl -k https://localhost",
            "curl -f http://localhost/ | grep ok",
            "curl -X POST http://localhost/",
            "wget --post-data=x http://localhost/",
            "curl -f http://localhost:$PORT/",
            "pg_isready",
            "curl -f http://localhost && true",
        ] {
            assert_eq!(simple(text).and_then(|words| request(&words)), None, "{text}");
        }
        let words = ["curl", "-f", "-H", "Host: shop.example", "http://localhost/"];
        let request = request(&words.map(str::to_owned)).unwrap();
        assert_eq!(request.headers, [("Host".to_owned(), "shop.example".to_owned())]);
    }
}
