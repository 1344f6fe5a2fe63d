//! Many hosts at once, and a roll-out that stops at the first failed host.

use libtest_mimic::Failed;

use super::FleetTest;
use super::fleet::Fleet;
use crate::host::Host;
use crate::pool::Pool;
use crate::ran::Ran;

pub(crate) const TESTS: &[FleetTest] =
    &[("a_roll_out_stops_at_the_first_host_that_fails", a_roll_out_stops)];

/// The service of the fleet. A version that is marked as broken on a host does not start there.
const SITE: &str = r#"
- name: Run a service
  hosts: web
  gather_facts: false
  tasks:
    - name: Define and deploy it
      conductor.conductor.conductor_service:
        id: shop
        state: deployed
        revision: v1
        definition:
          command: [/bin/sh, -c, 'if [ -e /srv/broken-$VERSION ]; then echo no $VERSION here; exit 3; fi; exec app']
          port: 8080
          env: {VERSION: "{revision}", PATH: "/usr/local/bin:/usr/bin"}
          health: {http: /health}
"#;

fn a_roll_out_stops(pool: &Pool) -> Result<(), Failed> {
    let mut result = Ok(());
    let on_three = |one: &Host, two: &Host, three: &Host| {
        let fleet = Fleet::new(vec![("web1", one), ("web2", two), ("web3", three)]);
        roll(&fleet.expect("the hosts are reachable"), [one, two, three]);
    };
    pool.run(|one| {
        result = pool.run(|two| {
            pool.run(|three| on_three(one, two, three)).expect("a third host");
        });
    })?;
    result
}

fn roll(fleet: &Fleet<'_>, hosts: [&Host; 3]) {
    let deploy = |revision: &str| {
        let revision = format!("revision={revision}");
        let playbook = "conductor.conductor.roll";
        fleet.play(&[playbook, "-e", "fleet=web", "-e", "service=shop", "-e", &revision])
    };
    fleet.write("site.yml", SITE);
    recap(&fleet.play(&["site.yml"]).exits(0), [Some(true); 3]);
    assert_eq!(versions(hosts), ["v1"; 3]);

    // It fails on the second host, so the third one is not touched.
    hosts[1].sh("touch /srv/broken-v2");
    let ran = deploy("v2").exits(2).says("| no v2 here").says("the previous release still serves");
    let (first, rest) = ran.stdout.split_once("PLAY RECAP").expect("a recap");
    assert!(!first.contains("[web3]"), "{ran}");
    assert!(rest.contains("web2") && rest.contains("failed=1"), "{ran}");
    recap(&ran, [Some(true), Some(false), None]);
    assert_eq!(versions(hosts), ["v2", "v1", "v1"]);

    // After the repair, the same command continues.
    hosts[1].sh("rm /srv/broken-v2");
    recap(&deploy("v2").exits(0), [Some(false), Some(true), Some(true)]);
    assert_eq!(versions(hosts), ["v2"; 3]);
    recap(&deploy("v2").exits(0), [Some(false); 3]);
}

/// Asserts which hosts report a change; `None` for a host that was not reached.
#[track_caller]
fn recap(ran: &Ran, changed: [Option<bool>; 3]) {
    let (_, recap) = ran.stdout.split_once("PLAY RECAP").expect("a recap");
    for (number, changed) in changed.iter().enumerate() {
        let name = format!("web{}", number + 1);
        let line = recap.lines().find(|line| line.starts_with(&name));
        let found = line.map(|line| !line.contains("changed=0"));
        assert_eq!(found, *changed, "{name}: {ran}");
    }
}

/// Asks each host over HTTP which version serves.
fn versions(hosts: [&Host; 3]) -> [String; 3] {
    hosts.map(|host| {
        let status =
            host.conductor(&["status", "--id", "shop", "--output", "json"]).exits(0).json();
        let instances = &status["services"][0]["instances"];
        assert_eq!(instances.as_array().map(Vec::len), Some(1), "{status}");
        host.sh(&format!("curl -sS 127.0.0.1:{}/", instances[0]["port"]))
    })
}
