//! The power is cut during deploys: what served before serves again, and the same command
//! finishes the work.

use std::fmt::Write as _;

use conductor_sandbox::Vm;
use libtest_mimic::Failed;

use crate::machine::{copy_program, eventually, text};
use crate::pool::{Pool, Program};

/// The last moment before the power cut, one for each service.
const MOMENTS: [&str; 5] =
    ["before: start", "after: start", "after: write the upstream", "before: drain", "after: stop"];

/// Returns the id of a service and the port of its site.
fn services() -> impl Iterator<Item = (String, usize)> {
    (0..MOMENTS.len()).map(|number| (format!("web{number}"), 8080 + number))
}

/// Deploys one version of every service behind nginx, and begins with another.
pub(crate) fn deploys_are_cut(vm: &mut Vm, pool: &Pool) -> Result<(), Failed> {
    copy_program(vm, pool.program(Program::App)?, "/srv/v1/app")?;
    copy_program(vm, pool.program(Program::Killer)?, "/usr/bin/killer")?;
    let mut sites = String::new();
    let mut definitions = String::new();
    for (id, port) in services() {
        writeln!(
            sites,
            "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{id}; }} }}"
        )?;
        write!(
            definitions,
            "cat >/etc/conductor/services/{id}.yaml <<'END'
id: {id}
revision: v1
command: ['/srv/{{revision}}/app']
env: {{VERSION: '{{revision}}'}}
port: 80
health: {{http: /health, interval: 1s, timeout: 10s}}
proxy: {{nginx: {{upstream: {id}}}}}
END\n"
        )?;
    }
    vm.sh(&format!(
        "ln -s v1 /srv/v2\n{definitions}conductor apply
sed -i '/^revision:/d' /etc/conductor/services/web?.yaml
cat >/etc/nginx/conf.d/sites.conf <<'END'\n{sites}END
systemctl enable --now nginx.service"
    ))?;
    for ((id, port), moment) in services().zip(MOMENTS) {
        assert_eq!(ask(vm, port)?, "v1");
        let killed = format!("killer '{moment}' deploy {id} v2 | tail -n 1");
        let place = text(vm, &killed)?;
        assert!(place.starts_with(moment), "{id} was killed at {place:?} instead of {moment:?}");
    }
    Ok(())
}

fn ask(vm: &mut Vm, port: usize) -> Result<String, Failed> {
    text(vm, &format!("curl -sS --fail --max-time 20 127.0.0.1:{port}"))
}

/// Asserts that each site answers with what the killed deploy left, and that the same deploy finishes.
pub(crate) fn they_are_finished(vm: &mut Vm) -> Result<(), Failed> {
    for (_, port) in services() {
        let answers = format!("curl -sf --max-time 10 127.0.0.1:{port} >/dev/null");
        eventually(vm, "a site answers", &answers)?;
    }
    for (id, port) in services() {
        vm.sh(&format!("conductor deploy --id {id} --revision v2"))?;
        assert_eq!(ask(vm, port)?, "v2", "{id}");
    }
    assert_eq!(text(vm, "conductor apply")?, "nothing changed");
    let instances = "systemctl list-units --plain --no-legend 'conductor-web*.service' | wc -l";
    assert_eq!(text(vm, instances)?, MOMENTS.len().to_string());
    vm.sh("cp /etc/nginx/conf.d/conductor-* /srv")?;
    Ok(())
}

/// After an orderly reboot the same instances are reached on the same ports.
pub(crate) fn all_is_as_before(vm: &mut Vm) -> Result<(), Failed> {
    for (id, port) in services() {
        let well = format!("test \"$(curl -sf --max-time 10 127.0.0.1:{port})\" = v2");
        eventually(vm, &format!("{id} answers"), &well)?;
    }
    assert_eq!(text(vm, "conductor apply")?, "nothing changed");
    vm.sh("for file in /srv/conductor-*; do cmp $file /etc/nginx/conf.d/${file##*/}; done")?;
    Ok(())
}
