//! Debian's package of conductor: installed, used, upgraded under load, removed and purged.
//!
//! `.ci/packages` builds two versions of it, and says in `CONDUCTOR_TEST_DEBS` where they are. Without the variable
//! there is nothing to test, and the test is left out.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::ansible::fleet::Fleet;
use crate::background::Background;
use crate::host::Host;
use crate::pool::{Company, Pool};
use crate::ran::Ran;

const DEBS: &str = "CONDUCTOR_TEST_DEBS";
const PROBE: &str = "/usr/bin/conductor-probe";
/// Asks the first port of the range without a pause, until a file is there.
const LOAD: &str = "\
import os, urllib.request
answers = 0
while not os.path.exists('/srv/enough'):
    urllib.request.urlopen('http://127.0.0.1:20000/', timeout=5).read()
    answers += 1
    if answers == 1:
        print('begun', flush=True)
print(answers)
";

pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let Some(directory) = env::var_os(DEBS) else { return Vec::new() };
    let directory = PathBuf::from(directory);
    let name = "debian_package::it_is_installed_used_upgraded_removed_and_purged".to_owned();
    let by_ansible = "debian_package::ansible_installs_and_upgrades_it".to_owned();
    let same = directory.clone();
    let test = move |host: &Host| life(host, &same);
    vec![
        pool.trial(Company::Others, name, move |pool| pool.run(&test)),
        pool.trial(Company::Others, by_ansible, move |pool| by_playbook(pool, &directory)),
    ]
}

/// Returns the package of a revision.
fn package(directory: &Path, revision: &str) -> PathBuf {
    let files = fs::read_dir(directory).expect("the packages").flatten();
    let end = format!("-{revision}_amd64.deb");
    let mut files = files.filter(|file| file.file_name().to_string_lossy().ends_with(&end));
    files.next().expect("a package").path()
}

/// The playbook of the guide, with the package; and what the role then does without a path of conductor.
fn by_playbook(pool: &Pool, directory: &Path) -> Result<(), Failed> {
    let host = pool.bare_with(&["python3-apt"])?;
    let fleet = Fleet::new(vec![("web1", &host)])?;
    let (_, playbook) = include_str!("../../docs/ansible.md")
        .split_once("`package.yml`:\n\n```yaml\n")
        .expect("the guide has it");
    let (playbook, _) = playbook.split_once("```").expect("it ends");
    fleet.write("package.yml", playbook);
    let play = |revision: &str, more: &[&str]| {
        fs::copy(package(directory, revision), fleet.path("conductor.deb")).expect("a copy");
        fleet.play(&[&["package.yml"], more].concat())
    };
    play("1", &[]).exits(0).says("failed=0");
    play("1", &[]).exits(0).says("changed=0");
    let web = json!({"id": "web", "definition": {"command": ["/usr/bin/sleep", "infinity"]}});
    fleet.task("conductor_service", &web, &[]).changed(true);
    let running = host.running("web");
    assert_eq!(running.len(), 1);
    play("2", &[]).exits(0).says("changed=2");
    assert_eq!(host.running("web"), running);
    fleet.task("conductor_service", &web, &[]).changed(false);
    play("2", &["-e", "conductor_state=absent"]).exits(0).says("changed=1");
    assert!(host.instances().is_empty());
    host.sh("test -x /usr/bin/conductor");
    Ok(host.sandbox.kill()?)
}

fn life(host: &Host, directory: &Path) {
    host.spoil();
    host.sh(&format!(
        "umount {PROBE} /usr/local/bin/conductor && rm -f {PROBE} /usr/local/bin/conductor"
    ));
    for revision in ["1", "2"] {
        fs::copy(package(directory, revision), host.path(&format!("/srv/{revision}.deb")))
            .expect("a copy");
    }
    let dpkg = |arguments: &[&str]| Ran::new(host.sandbox.command("dpkg").args(arguments)).exits(0);

    dpkg(&["--install", "/srv/1.deb"]);
    assert_eq!(
        host.sh("stat -c %a%U /etc/conductor/services; ls /etc/conductor/services"),
        "755root"
    );
    host.sh(
        "test -f /etc/needrestart/conf.d/conductor.conf -a -s /usr/share/man/man1/conductor.1.gz",
    );
    let ran = Ran::new(host.sandbox.command("conductor").args(["init", "web"])).exits(0);
    ran.says("wrote /etc/conductor/services/web.yaml");
    host.apply();
    let running = host.running("web");
    assert_eq!(running.len(), 1);
    let answer = host.conductor(&["doctor", "--output", "json"]).exits(0).json();
    let probe = |finding: &serde_json::Value| finding["check"] == "probe";
    assert!(!answer["findings"].as_array().expect("findings").iter().any(probe), "{answer}");

    let mut load = Background::start(host.sandbox.command("python3").args(["-c", LOAD]));
    load.until("begun");
    dpkg(&["--install", "/srv/2.deb"]);
    host.sh("touch /srv/enough");
    let ran = load.finish().exits(0);
    assert_eq!(host.running("web"), running, "{ran}");
    assert!(host.sh("dpkg-query --show conductor").ends_with("-2"));
    host.conductor(&["apply"]).exits(0).says("nothing changed");

    let ran = dpkg(&["--remove", "conductor"]);
    ran.complains("services go on as plain units").complains("conductor remove --all");
    assert_eq!(host.running("web"), running);
    // They start again without conductor, too.
    let instance = &running[0].0;
    host.sh(&format!("test ! -e /usr/bin/conductor && systemctl restart {instance}"));
    assert_eq!(host.running("web").len(), 1);

    dpkg(&["--purge", "conductor"]).complains("there are services still, and they stay");
    assert_eq!(host.running("web").len(), 1);
    host.sh(&format!("test -x {PROBE} -a -f /etc/conductor/services/web.yaml"));

    dpkg(&["--install", "/srv/2.deb"]);
    host.conductor(&["remove", "--all"]).exits(0);
    let ran = dpkg(&["--purge", "conductor"]);
    assert!(!ran.stderr.contains("services"), "{ran}");
    // The definition is the operator's.
    let left = "ls -d /usr/bin/conductor* /etc/needrestart/conf.d/conductor.conf /var/lib/conductor \
                /etc/conductor/services/* /usr/share/doc/conductor 2>/dev/null || true";
    assert_eq!(host.sh(left), "/etc/conductor/services/web.yaml");
}
