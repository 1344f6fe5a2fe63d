//! What a definition gives its instances: limits, secrets, volumes, environment files, a user.

use crate::Test;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("limits_are_systemds", limits_are_systemds),
    ("secrets_are_files", secrets_are_files),
    ("volumes", volumes),
    ("environment_files_and_user", environment_files_and_user),
];

/// Defines a service that runs a shell script, whose output is in the directory `/srv/out`.
fn script(host: &Host, script: &str, more: &str) {
    host.sh("mkdir -p -m 777 /srv/out");
    let script = format!("{script}; touch /out/done; exec sleep infinity");
    let command = serde_json::json!(["/bin/sh", "-c", script]);
    host.define("a.yaml", &format!("id: a\ncommand: {command}\n{more}"));
    host.apply();
    host.eventually("the script is done", |host| host.path("/srv/out/done").exists());
}

fn limits_are_systemds(host: &Host) {
    host.define("a.yaml", &format!("id: a\n{SLEEP}limits: {{memory: 1.5M, cpu: 0.25, pids: 7}}\n"));
    host.apply();
    let (unit, _) = host.running("a").remove(0);
    for (property, value) in [
        ("MemoryMax", "1572864"),
        ("MemorySwapMax", "0"),
        ("CPUQuotaPerSecUSec", "250ms"),
        ("TasksMax", "7"),
    ] {
        assert_eq!(host.property(&unit, property), value, "{property}");
    }
}

fn secrets_are_files(host: &Host) {
    host.write("/etc/conductor/secrets/key", "to the\0door\n");
    host.sh("chmod -R go= /etc/conductor/secrets");
    script(
        host,
        "cat $CREDENTIALS_DIRECTORY/database.key >/out/key; ls -l /etc/conductor/secrets >/out/ls 2>&1",
        "secrets: {database.key: /etc/conductor/secrets/key}\nvolumes: [/srv/out:/out]\n",
    );
    assert_eq!(host.sh("cmp /srv/out/key /etc/conductor/secrets/key && echo same"), "same");
    assert!(host.sh("cat /srv/out/ls").contains("Permission denied"));
}

fn volumes(host: &Host) {
    host.write("/srv/data/v1/file", "content");
    host.sh("chmod -R 777 /srv/data");
    script(
        host,
        "cp /ro/file /out/read; touch /ro/new 2>/out/refused; mkdir /out/{instance}",
        "revision: v1\nvolumes: [\"/srv/data/{revision}:/ro:ro\", /srv/out:/out:rw]\n",
    );
    assert_eq!(host.sh("cat /srv/out/read; ls -d /srv/out/1"), "content/srv/out/1");
    assert!(host.sh("cat /srv/out/refused").contains("Read-only file system"));
    assert_eq!(host.sh("ls /srv/data/v1"), "file");
}

fn environment_files_and_user(host: &Host) {
    host.write("/etc/conductor/one.env", "A=\"from one\"\nB=one\nC=\"100% $HOME\"\n");
    host.write("/etc/conductor/two.env", "B=two\n");
    script(
        host,
        "id -un >/out/user; printf '%s|' \"$A\" \"$B\" \"$C\" \"$D\" >/out/env",
        "env_files: [/etc/conductor/one.env, /etc/conductor/two.env]\nenv: {A: own, D: own}\n\
         user: operator\nvolumes: [/srv/out:/out]\n",
    );
    assert_eq!(host.sh("cat /srv/out/user"), "operator");
    assert_eq!(host.sh("cat /srv/out/env"), "from one|two|100% $HOME|own|");
}
