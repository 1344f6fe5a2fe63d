//! The role `conductor`: what it installs, and what it rejects.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::json;

use super::FleetTest;
use super::control::run;
use super::fleet::Fleet;
use crate::pool::Pool;

pub(crate) const TESTS: &[FleetTest] = &[("the_role_installs_all_that_is_needed", the_role)];

const PLAYBOOK: &str = "
- name: Install conductor
  hosts: web
  gather_facts: false
  roles:
    - role: conductor.conductor.conductor
";
/// A configuration that does not read upstreams.
const NGINX: &str = "events {}
http {
    include /etc/nginx/mime.types;
    server { listen 8081; location / { proxy_pass http://app; } }
}
";

/// Creates copies of the tested programs that are quick to transfer.
pub(crate) fn programs(pool: &Pool, to: &Path) -> Result<(), Failed> {
    fs::create_dir_all(to)?;
    for (name, path) in [("conductor", pool.binary()?), ("conductor-probe", pool.probe()?)] {
        run(Command::new("strip").arg("-o").arg(to.join(name)).arg(path))?;
    }
    Ok(())
}

fn the_role(pool: &Pool) -> Result<(), Failed> {
    let host = pool.bare()?;
    let fleet = Fleet::new(vec![("web1", &host)])?;
    programs(pool, &fleet.path("bin"))?;
    fleet.write("site.yml", PLAYBOOK);
    let play = |settings: serde_json::Value, options: &[&str]| {
        let mut variables = json!({
            "conductor_binary": fleet.path("bin/conductor"),
            "conductor_probe_binary": fleet.path("bin/conductor-probe"),
            "conductor_host_settings": settings,
            "conductor_nginx": true,
        });
        if settings.is_null() {
            variables["conductor_binary"] = "".into();
            variables["conductor_host_settings"] = json!({});
        }
        fleet.play(&[&["site.yml", "-e", &variables.to_string()], options].concat())
    };
    host.write("/etc/nginx/nginx.conf", NGINX);
    let settings =
        json!({"ports": "21000-21099", "proxy": {"nginx": {"directory": "/etc/nginx/upstreams"}}});
    play(serde_json::Value::Null, &[])
        .exits(2)
        .says("set conductor_binary and conductor_probe_binary to the paths");
    assert!(!host.path("/usr/local/bin/conductor").exists());
    // A file that is not a program does not replace the installed one.
    fleet.write("bin/text", "no program\n");
    let text = fleet.path("bin/text");
    play(settings.clone(), &["-e", &format!("conductor_probe_binary={}", text.display())]).exits(2);
    assert!(!host.path("/usr/bin/conductor-probe").exists());
    play(settings.clone(), &["--check", "--diff"]).exits(0).says("+ports: 21000-21099");
    assert!(!host.path("/usr/local/bin/conductor").exists());
    play(settings.clone(), &[]).exits(0).says("failed=0");
    play(settings.clone(), &[]).exits(0).says("changed=0");
    // An include line with a wider pattern is not changed.
    host.sh(r"sed -i 's|    include /etc/nginx/upstreams/.*|\tinclude /etc/nginx/upstreams/*;|' /etc/nginx/nginx.conf");
    play(settings.clone(), &[]).exits(0).says("changed=0");
    assert_eq!(host.sh("grep -c 'upstreams/\\*;' /etc/nginx/nginx.conf"), "1");
    let kept = host.sh("cat /etc/conductor/host.yaml");
    play(json!({"ports": "a few"}), &[]).exits(2).says("ports");
    assert_eq!(host.sh("cat /etc/conductor/host.yaml"), kept);

    // All of it together: a port of the range, behind nginx.
    let web = json!({"id": "web", "definition": {
        "command": ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "{port}"],
        "port": 80, "health": {"http": "/"}, "proxy": {"nginx": {"upstream": "app"}},
    }});
    let done = fleet.task("conductor_service", &web, &[]).changed(true);
    assert_eq!(done.result["service"]["instances"][0]["port"], 21000);
    host.sh("systemctl start nginx; curl -sSf http://127.0.0.1:8081/ >/dev/null");
    assert_eq!(host.sh("grep -c upstreams /etc/nginx/nginx.conf"), "1");

    // The doctor of the role names what is wrong, and what to do about it.
    host.sh("mv /etc/nginx/nginx.conf /root; echo 'events {}' >/etc/nginx/nginx.conf");
    let ran = play(settings.clone(), &["-e", "conductor_nginx=false"]);
    ran.exits(2).says("proxy: ").says("remedy: ");
    host.sh("mv /root/nginx.conf /etc/nginx/nginx.conf");

    // What is removed, and what stays. nginx still refers to the service.
    let remove = ["-e", "conductor_state=absent"];
    play(settings.clone(), &remove).exits(2).says("host not found in upstream");
    assert_eq!(host.running("web").len(), 1);
    host.sh("sed -i '/proxy_pass/d; s|\tinclude /etc/nginx/upstreams/.*|    include /etc/nginx/upstreams/*.conf;|' /etc/nginx/nginx.conf");
    play(settings.clone(), &[&remove[..], &["--check"]].concat()).exits(0).says("changed=3");
    assert_eq!(host.running("web").len(), 1);
    play(settings.clone(), &remove).exits(0).says("changed=3");
    assert!(host.instances().is_empty());
    assert_eq!(host.sh("ls /usr/local/bin/conductor /usr/bin/conductor-probe || true"), "");
    assert_eq!(host.sh("cat /etc/conductor/host.yaml"), kept);
    assert_eq!(
        host.sh("ls /etc/conductor/services; grep -c upstreams /etc/nginx/nginx.conf || true"),
        "web.json\n0"
    );
    play(settings, &remove).exits(0).says("changed=0");
    Ok(())
}
