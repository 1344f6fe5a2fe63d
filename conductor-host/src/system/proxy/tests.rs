//! Tests that need no running proxy.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use conductor_core::service::Proxy;
use conductor_core::value::Endpoint;

/// Another root, with a runtime directory.
struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("run")).unwrap();
        Self(directory)
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.0.path().join(inside.trim_start_matches('/'))
    }

    fn proxies(&self, settings: &Settings) -> Proxies {
        Proxies::new(settings, &Paths { runtime: self.path("run"), ..Paths::system(self.0.path()) })
    }

    /// Refers to the proxies of the running host, with the runtime directory of this root.
    fn online(&self, settings: &Settings) -> Proxies {
        let paths = Paths { runtime: self.path("run"), root: None, ..Paths::system(self.0.path()) };
        Proxies::new(settings, &paths)
    }
}

fn nginx() -> ProxyName {
    ProxyName::nginx()
}

fn web() -> ServiceId {
    "web".parse().unwrap()
}

fn text(proxies: &Proxies, proxy: &ProxyName, port: &str) -> String {
    let proxy = Proxy { name: proxy.clone(), upstream: "app".parse().unwrap() };
    let endpoint =
        Endpoint::Tcp { listen: "127.0.0.1".parse().unwrap(), port: port.parse().unwrap() };
    proxies.templates().unwrap().render(&proxy, &web(), &[endpoint]).unwrap().text
}

fn change(service: &str, text: Option<&str>) -> UpstreamChange {
    UpstreamChange { service: service.parse().unwrap(), text: text.map(str::to_owned) }
}

#[test]
fn another_root_gets_its_files_and_no_notes() {
    let root = Root::new();
    let proxies = root.proxies(&Settings::default());
    assert_eq!(proxies.observe().unwrap(), Upstreams::default());
    for port in ["20001", "20002"] {
        let text = text(&proxies, &nginx(), port);
        proxies.write(&nginx(), &[change("web", Some(&text))], true).unwrap();
        let observed = proxies.observe().unwrap();
        assert_eq!(observed.files.first().unwrap().text, text);
        assert_eq!((observed.files.len(), observed.pending.len()), (1, 0));
    }
    assert!(root.path("/etc/nginx/conf.d/conductor-web.conf").is_file());
    proxies.write(&nginx(), &[change("web", None)], true).unwrap();
    assert_eq!(proxies.observe().unwrap(), Upstreams::default());
}

#[test]
fn nothing_is_written_where_a_link_leads_out_of_the_root() {
    let (root, elsewhere) = (Root::new(), Root::new());
    fs::create_dir_all(root.path("/etc/nginx")).unwrap();
    symlink(elsewhere.path("/run"), root.path("/etc/nginx/conf.d")).unwrap();
    let error =
        root.proxies(&Settings::default()).write(&nginx(), &[change("web", Some(""))], true);
    assert!(error.unwrap_err().to_string().ends_with("/etc/nginx/conf.d"));
    assert_eq!(elsewhere.path("/run").read_dir().unwrap().count(), 0);
}

#[test]
fn files_without_the_mark_are_foreign() {
    let root = Root::new();
    let proxies = root.proxies(&Settings::default());
    let own = text(&proxies, &nginx(), "80");
    let directory = root.path("/etc/nginx/conf.d");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("conductor-other.conf"), own.replace("X-Conductor", "X")).unwrap();
    symlink(directory.join("conductor-web.conf.bak"), directory.join("conductor-link.conf"))
        .unwrap();
    fs::write(directory.join("conductor-binary.conf"), [0xff]).unwrap();
    fs::write(directory.join("conductor-Web.conf"), "not the file of any service").unwrap();
    fs::write(directory.join("conductor-web.conf.bak"), &own).unwrap();
    let observed = proxies.observe().unwrap();
    assert!(observed.files.is_empty());
    let foreign: Vec<_> = observed.foreign.keys().map(|(_, service)| service.as_str()).collect();
    assert_eq!(foreign, ["binary", "link", "other"]);
    let error = proxies.write(&nginx(), &[change("other", None)], true).unwrap_err();
    assert!(matches!(error, ProxyError::Foreign { .. }), "{error}");
}

#[test]
fn what_a_killed_run_left_goes_with_the_next() {
    let root = Root::new();
    let proxies = root.proxies(&Settings::default());
    let directory = root.path("/etc/nginx/conf.d");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(".conductor-x"), "half").unwrap();
    proxies.write(&nginx(), &[change("web", Some(&text(&proxies, &nginx(), "80")))], true).unwrap();
    let names: Vec<_> = directory.read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["conductor-web.conf"]);
}

#[test]
fn a_note_names_the_proxies_that_are_concerned() {
    let root = Root::new();
    let runtime = root.path("run");
    let edge: ProxyName = "edge".parse().unwrap();
    for proxy in [nginx(), edge.clone(), nginx()] {
        pending::note(&runtime, &proxy, &web()).unwrap();
    }
    let proxies = root.proxies(&Settings::default());
    let all = pending::all(&runtime).unwrap();
    assert_eq!(all, BTreeMap::from([(web(), BTreeSet::from([edge, nginx()]))]));
    // The settings have no other proxy.
    let noted = proxies.observe().unwrap().pending;
    assert_eq!(noted, BTreeMap::from([(web(), BTreeSet::from([nginx()]))]));
    for _ in 0..2 {
        proxies.forget_pending(&web()).unwrap();
        assert_eq!(proxies.observe().unwrap().pending, BTreeMap::new());
    }
}

#[test]
fn a_template_of_the_hosts_own_is_read_below_the_root() {
    let root = Root::new();
    let mut settings = Settings::default();
    let own = settings.proxies.get_mut(&nginx()).unwrap();
    own.template = Some("/etc/conductor/own.hbs".parse().unwrap());
    let proxies = root.proxies(&settings);
    let error = proxies.templates().unwrap_err().to_string();
    assert!(error.starts_with("cannot read ") && error.ends_with("own.hbs"), "{error}");
    fs::create_dir_all(root.path("/etc/conductor")).unwrap();
    fs::write(root.path("/etc/conductor/own.hbs"), "own {{upstream}}").unwrap();
    assert_eq!(text(&proxies, &nginx(), "80"), "own app\n# X-Conductor: proxy=nginx service=web\n");
}

#[test]
fn the_file_of_a_proxy_that_was_uninstalled_can_go() {
    let root = Root::new();
    let mut settings = Settings::default();
    let own = settings.proxies.get_mut(&nginx()).unwrap();
    own.directory = root.path("").to_str().unwrap().parse().unwrap();
    own.test = vec!["/no/nginx".parse().unwrap()];
    let proxies = root.online(&settings);
    let text = text(&proxies, &nginx(), "80");
    let error = proxies.write(&nginx(), &[change("web", Some(&text))], true).unwrap_err();
    assert!(matches!(error, ProxyError::NoProgram { .. }), "{error}");
    assert_eq!(proxies.observe().unwrap(), Upstreams::default());
    proxies.write(&nginx(), &[change("web", Some(&text))], false).unwrap();
    assert!(proxies.observe().unwrap().pending.contains_key(&web()));
    proxies.write(&nginx(), &[change("web", None)], true).unwrap();
    assert!(proxies.observe().unwrap().files.is_empty());
    proxies.write(&nginx(), &[change("web", None)], true).unwrap();
}

#[test]
fn what_a_check_says_is_in_the_error() {
    let runtime = Root::new();
    let mut settings = Settings::default();
    let own = settings.proxies.get_mut(&nginx()).unwrap();
    let script = "echo to the log >&2; exit 1";
    own.test = ["/bin/sh", "-c", script].iter().map(|word| word.parse().unwrap()).collect();
    let proxies = runtime.online(&settings);
    let error = proxies.test(&nginx()).unwrap_err();
    assert_eq!(error.to_string(), "the configuration of nginx is broken: to the log");
    let unknown = proxies.test(&"edge".parse().unwrap()).unwrap_err();
    assert_eq!(unknown.to_string(), "the host settings have no proxy edge");
}

#[test]
fn files_of_a_proxy_that_the_settings_do_not_have_any_more_are_found() {
    let root = Root::new();
    let mut settings = Settings::default();
    let proxies = root.proxies(&settings);
    proxies.write(&nginx(), &[change("web", Some(&text(&proxies, &nginx(), "80")))], true).unwrap();
    assert!(proxies.observe().unwrap().left.is_empty());
    let old = root.path("/etc/nginx/conf.d/conductor-web.conf");
    for (directory, suffix, left) in [
        ("/etc/nginx/conf.d", ".conf", vec![]),
        ("/etc/nginx/upstreams", ".conf", vec![(web(), old.clone())]),
        ("/etc/nginx/conf.d", ".upstream", vec![(web(), old.clone())]),
    ] {
        let own = settings.proxies.get_mut(&nginx()).unwrap();
        own.directory = directory.parse().unwrap();
        own.suffix = suffix.parse().unwrap();
        assert_eq!(root.proxies(&settings).observe().unwrap().left, left);
    }
    // What is not conductor's is nobody's business.
    fs::write(&old, "upstream app {}").unwrap();
    assert!(root.proxies(&settings).observe().unwrap().left.is_empty());
}

#[test]
fn a_test_that_does_not_read_the_directory_is_found() {
    let root = Root::new();
    let mut settings = Settings::default();
    let own = settings.proxies.get_mut(&nginx()).unwrap();
    own.directory = root.path("").to_str().unwrap().parse().unwrap();
    // Without privileges, there is no mount namespace.
    let says = |settings: &Settings, program: &str| {
        let mut settings = settings.clone();
        let own = settings.proxies.get_mut(&nginx()).unwrap();
        own.test = ["/bin/sh", "-c", program].iter().map(|word| word.parse().unwrap()).collect();
        let proxies = root.online(&settings);
        let text = text(&proxies, &nginx(), "80");
        proxies.try_out(&nginx(), &[change("web", Some(&text))])
    };
    let reads = format!("! grep -q '}}}}}}' {}/conductor-web.conf", root.path("").display());
    match says(&settings, &reads) {
        Err(ProxyError::NotChecked { said, .. }) => return eprintln!("skipped: {said}"),
        checked => checked.unwrap(),
    }
    let error = says(&settings, "exit 0").unwrap_err();
    assert!(matches!(error, ProxyError::NotTested { .. }), "{error}");
    // What is there already was accepted once.
    fs::write(root.path("conductor-web.conf"), "").unwrap();
    says(&settings, "exit 0").unwrap();
}

/// A process may be killed between any two steps of a swap.
#[test]
fn a_file_with_the_text_of_another_service_is_conductors() {
    let root = Root::new();
    let proxies = root.proxies(&Settings::default());
    let named = |upstream: &str, port| {
        let text = text(&proxies, &nginx(), port);
        text.replace("upstream app", &format!("upstream {upstream}"))
    };
    let [mine, yours] = [named("a", "20001"), named("b", "20002")].map(Some);
    let files = |first: &Option<String>, second: &Option<String>| {
        [change("web", first.as_deref()), change("shop", second.as_deref())]
    };
    proxies.write(&nginx(), &files(&mine, &yours), true).unwrap();
    proxies.write(&nginx(), &files(&yours, &mine), true).unwrap();
    let observed = proxies.observe().unwrap();
    assert_eq!(observed.foreign, BTreeMap::new());
    let seen: BTreeMap<_, _> = observed
        .files
        .iter()
        .map(|file| (file.service.as_str(), file.names().collect::<Vec<_>>()))
        .collect();
    assert_eq!(seen, BTreeMap::from([("shop", vec!["a"]), ("web", vec!["b"])]));
    // The mark in the file of shop is that of web.
    proxies.write(&nginx(), &files(&None, &None), true).unwrap();
    assert_eq!(proxies.observe().unwrap().files.len(), 0);
}

#[test]
fn the_files_of_a_proxy_with_another_name_now_are_its_own() {
    let root = Root::new();
    let settings = |name: &str| {
        let text = format!(
            "proxy:\n  {name}:\n    directory: /etc/edge\n    test: [/bin/true]\n    unit: edge.service\n    \
             suffix: .conf\n    template: /edge.hbs\n"
        );
        Settings::parse(Path::new("host.yaml"), &text).unwrap()
    };
    fs::write(root.path("/edge.hbs"), "upstream {{upstream}} {}\n").unwrap();
    let (old, new) = ("edge".parse().unwrap(), "front".parse().unwrap());
    let before = root.proxies(&settings("edge"));
    let file = text(&before, &old, "20001");
    before.write(&old, &[change("web", Some(&file))], true).unwrap();
    let after = root.proxies(&settings("front"));
    let observed = after.observe().unwrap();
    assert_eq!((observed.foreign.len(), observed.left.len()), (0, 0), "{observed:?}");
    let proxies: Vec<_> = observed.files.iter().map(|file| file.proxy.as_str()).collect();
    assert_eq!(proxies, ["front"]);
    after.write(&new, &[change("web", Some(&text(&after, &new, "20002")))], true).unwrap();
    after.write(&new, &[change("web", None)], true).unwrap();
    assert_eq!(after.observe().unwrap().files.len(), 0);
}

/// The record is root's. What it names may be in the hands of others by now, and must neither block a change nor be
/// followed.
#[test]
fn nothing_in_a_directory_that_was_left_blocks_or_misleads() {
    let root = Root::new();
    let mut settings = Settings::default();
    let proxies = root.proxies(&settings);
    let text = text(&proxies, &nginx(), "20001");
    proxies.write(&nginx(), &[change("web", Some(&text))], true).unwrap();
    let (old, away) = (root.path("/etc/nginx/conf.d"), root.path("/etc/nginx/away"));
    let own = settings.proxies.get_mut(&nginx()).unwrap();
    own.directory = "/etc/nginx/other".parse().unwrap();
    let left = || root.proxies(&settings).observe().unwrap().left;
    let web = vec![(web(), old.join("conductor-web.conf"))];
    assert_eq!(left(), web);

    // Links, a directory and a pipe in place of files.
    fs::write(root.path("/secret"), &text).unwrap();
    symlink(root.path("/secret"), old.join("conductor-link.conf")).unwrap();
    symlink("conductor-loop.conf", old.join("conductor-loop.conf")).unwrap();
    fs::create_dir(old.join("conductor-directory.conf")).unwrap();
    let pipe = old.join("conductor-pipe.conf");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::write(old.join("conductor-long.conf"), vec![b'#'; 5 << 20]).unwrap();
    fs::write(old.join("conductor-\u{1b}[2J.conf"), &text).unwrap();
    assert_eq!(left(), web);
    // A loop, and a file, in place of the directory.
    fs::rename(&old, &away).unwrap();
    symlink(&old, &old).unwrap();
    assert_eq!(left(), []);
    fs::remove_file(&old).unwrap();
    fs::write(&old, "").unwrap();
    assert_eq!(left(), []);
    fs::remove_file(&old).unwrap();
    fs::rename(&away, &old).unwrap();

    // A record that is no record counts as none; a link is not followed, and is replaced.
    let record = Paths::system(root.0.path()).proxy_directories;
    let good = fs::read_to_string(&record).unwrap();
    for text in
        ["", "\n\n", ".conf", ".conf \n", ".conf ../../etc\n", "\0 /\n", &"x".repeat(70_000)]
    {
        fs::write(&record, text).unwrap();
        assert_eq!(left(), [], "{text:.20?}");
    }
    fs::write(root.path("/record"), &good).unwrap();
    fs::remove_file(&record).unwrap();
    symlink(root.path("/record"), &record).unwrap();
    assert_eq!(left(), []);
    let again = root.proxies(&Settings::default());
    again.write(&nginx(), &[change("web", Some(&text))], true).unwrap();
    assert_eq!(fs::read_to_string(&record).unwrap(), good);
    assert!(!record.is_symlink());
    assert_eq!(left(), web);
}
