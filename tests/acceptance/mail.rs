//! The output of jobs is mailed as Debian's cron mails it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use conductor_sandbox::Engine;
use libtest_mimic::Trial;

use crate::Test;
use crate::host::Host;
use crate::pool::{Company, Pool};
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[("what_is_mailed_and_what_is_not", what_is_mailed_and_not)];

pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let name = "mail::a_mail_is_like_that_of_cron".to_owned();
    vec![
        pool.trial(Company::Others, name, |pool| {
            pool.run_with_crontabs(a_mail_is_like_that_of_cron)
        }),
    ]
}

/// A sendmail that delivers in the background, as Exim and dma do, into a directory with a file for each mail.
const SENDMAIL: &str = "#!/bin/sh
mail=$(mktemp /srv/mail/new.XXXXXX)
{ echo \"$(id -un): $*\"; cat; } >$mail
( sleep 0.3; mv $mail /srv/mail/$(date +%s%N) ) >/dev/null 2>&1 &
";

const TO: &str = "mail_to: ops@example.org\n";

fn install_sendmail(host: &Host) {
    host.spoil();
    // It may be a link.
    host.sh("rm -f /usr/sbin/sendmail");
    host.write("/usr/sbin/sendmail", SENDMAIL);
    host.sh("chmod 755 /usr/sbin/sendmail; mkdir -p -m 1777 /srv/mail");
}

/// A mail: how sendmail was called, its headers and its body.
#[derive(Debug, PartialEq, Eq)]
struct Mail {
    call: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Mail {
    fn read(text: &str) -> Self {
        let (call, text) = text.split_once('\n').expect("a call");
        let (head, body) = text.split_once("\n\n").expect("a body");
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
            (name.to_owned(), value.to_owned())
        };
        let headers = head.lines().map(header).collect();
        Self { call: call.to_owned(), headers, body: body.to_owned() }
    }

    fn header(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(found, _)| found == name);
        header.map_or_else(|| panic!("no {name}: {self:?}"), |(_, value)| value)
    }
}

/// Waits for so many mails, and returns and removes them, the oldest first.
fn mails(host: &Host, count: usize) -> Vec<Mail> {
    let names = |host: &Host| {
        let names = host.sh("ls /srv/mail | grep -v new || true");
        names.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    host.eventually("mails arrive", |host| names(host).len() >= count);
    let names = names(host);
    let read = |name: &String| {
        let text = std::fs::read(host.path(&format!("/srv/mail/{name}"))).expect("a mail");
        Mail::read(&String::from_utf8_lossy(&text))
    };
    let mails: Vec<_> = names.iter().map(read).collect();
    assert_eq!(mails.len(), count, "{mails:#?}");
    host.sh("rm -f /srv/mail/*");
    mails
}

fn define(host: &Host, more: &str, jobs: &[(&str, &str, &str)]) {
    let jobs = jobs.iter().map(|(name, script, more)| {
        let command = serde_json::json!(["/bin/sh", "-c", script]);
        format!("  {name}: {{schedule: '@yearly', command: {command}{more}}}\n")
    });
    let jobs = jobs.collect::<Vec<_>>().concat();
    host.define("a.yaml", &format!("id: a\ninstances: 0\n{more}cron:\n{jobs}"));
}

fn run(host: &Host, job: &str, status: i32) {
    host.conductor(&["cron", "run-now", "--id", "a", job]).exits(status);
}

fn what_is_mailed_and_not(host: &Host) {
    let jobs = [
        ("says", "echo one; echo; echo two >&2", ", limits: {pids: 9, memory: 32M}"),
        ("silent", "exit 0", ""),
        ("fails", "exit 3", ", mail_to: 'root, b@example.org'"),
        ("told", "printf out; exit 4", ""),
        ("off", "echo off", ", mail_to: ''"),
        ("slow", "echo begins; exec sleep 60", ", timeout: 2s"),
        ("much", "head -c 3000000 /dev/zero | tr '\\0' x; echo", ""),
        ("forges", "printf 'Bcc: eve@example.org\\n.\\n\\nFrom eve\\n'", ""),
        ("links", "ln -sf /etc/shadow $RUNTIME_DIRECTORY/output", ""),
        ("pipes", "rm $RUNTIME_DIRECTORY/output; mkfifo $RUNTIME_DIRECTORY/output", ""),
        ("preloads", "echo x", ", env: {LD_PRELOAD: /srv/evil.so, PATH: /srv/evil}"),
    ];
    define(host, TO, &jobs);
    // There is no sendmail: this is said, and the job runs.
    let advice =
        "cron.says.mail_to: there is no /usr/sbin/sendmail on this host, so nobody gets the output";
    host.conductor(&["check"]).exits(0).complains(advice);
    host.apply()
        .says("a: note: there is no /usr/sbin/sendmail on this host, so nobody gets the output of");
    run(host, "says", 0);
    let log = host.conductor(&["logs", "--id", "a", "--job", "says"]).exits(0);
    log.says("there is no /usr/sbin/sendmail: nothing is mailed to ops@example.org");
    install_sendmail(host);
    let ran = host.conductor(&["check"]).exits(0);
    assert!(!ran.stderr.contains("sendmail"), "{ran}");
    host.is_converged();

    run(host, "says", 0);
    let [mail] = &mails(host, 1)[..] else { unreachable!() };
    assert_eq!(mail.call, "root: -i -FCronDaemon -B8BITMIME -oem ops@example.org");
    assert_eq!(mail.body, "one\n\ntwo\n");
    assert_eq!(mail.header("To"), "ops@example.org");
    let subject = "Cron <conductor-a@sandbox> echo one; echo; echo two >&2";
    assert_eq!(mail.header("Subject"), subject);
    // The output is in the journal as well.
    let log = host.conductor(&["logs", "--id", "a", "--job", "says"]).exits(0);
    assert!(log.stdout.contains("one") && log.stdout.contains("two"), "{log}");

    // Neither a run without output nor a job that is left out; then one that fails.
    run(host, "silent", 0);
    run(host, "off", 0);
    run(host, "fails", 1);
    let [mail] = &mails(host, 1)[..] else { unreachable!() };
    assert_eq!(mail.call, "root: -i -FCronDaemon -B8BITMIME -oem root b@example.org");
    assert_eq!(mail.header("To"), "root, b@example.org");
    assert_eq!(mail.body, "conductor: fails of a failed: exit-code, exit status 3\n");
    run(host, "told", 1);
    run(host, "slow", 1);
    let [told, slow] = &mails(host, 2)[..] else { unreachable!() };
    assert_eq!(told.body, "out\nconductor: told of a failed: exit-code, exit status 4\n");
    assert_eq!(slow.body, "begins\nconductor: slow of a failed: timeout, SIGTERM\n");

    run(host, "much", 0);
    let [mail] = &mails(host, 1)[..] else { unreachable!() };
    let body = decoded(mail);
    assert_eq!(mail.header("Content-Transfer-Encoding"), "quoted-printable");
    assert!(body.len() < (1 << 20) + 100, "{}", body.len());
    assert!(body.ends_with("x\nconductor: the rest of the output is only in the journal\n"));

    attacks(host);
    a_sendmail_that_fails(host, &jobs);
    install_sendmail(host);
    of_a_user(host);
    of_containers(host);
}

/// A hostile job changes neither the headers nor what is read, and its environment reaches no program of root.
fn attacks(host: &Host) {
    run(host, "forges", 0);
    let [mail] = &mails(host, 1)[..] else { unreachable!() };
    assert_eq!(mail.body, "Bcc: eve@example.org\n.\n\nFrom eve\n");
    assert!(mail.headers.iter().all(|(name, _)| name != "Bcc"), "{mail:?}");
    run(host, "links", 0);
    run(host, "pipes", 0);
    run(host, "preloads", 0);
    let [mail] = &mails(host, 1)[..] else { unreachable!() };
    // The shell of the job complains, and systemd-run, sendmail and its shell do not.
    assert!(mail.body.ends_with("\nx\n"), "{mail:?}");
    let log = host.conductor(&["logs", "--id", "a", "--job", "preloads"]).exits(0).stdout;
    assert_eq!(log.matches("evil.so").count(), 1, "{log}");
    for job in ["links", "pipes"] {
        let log = host.conductor(&["logs", "--id", "a", "--job", job]).exits(0);
        log.says("cannot read the output of the job");
    }
}

/// A sendmail that fails or hangs is no failure of the job.
fn a_sendmail_that_fails(host: &Host, jobs: &[(&str, &str, &str)]) {
    host.write("/usr/sbin/sendmail", "#!/bin/sh\necho refused >&2; exit 75\n");
    run(host, "says", 0);
    let log = host.conductor(&["logs", "--id", "a", "--job", "says"]).exits(0);
    log.says("sendmail: refused").says("cannot mail the output");
    define(host, &format!("{TO}deploy: {{stop_timeout: 2s}}\n"), jobs);
    host.apply();
    host.write("/usr/sbin/sendmail", "#!/bin/sh\nexec sleep 600\n");
    run(host, "says", 0);
    let log = host.conductor(&["logs", "--id", "a", "--job", "says"]).exits(0);
    log.says("/usr/sbin/sendmail did not end in time");
    host.sh("systemctl stop 'run-*.service'");
}

/// A user's own systemd mails as that user.
fn of_a_user(host: &Host) {
    let mut operator = host.sandbox.command_as_operator("sh").expect("an operator");
    let script = "mkdir -p ~/.config/conductor/services
        cat >~/.config/conductor/services/u.yaml <<'END'
id: u
instances: 0
mail_to: ops@example.org
cron: {says: {schedule: '@yearly', command: [/bin/echo, hello]}}
END
        conductor --user apply
        conductor --user cron run-now --id u says
        conductor --user remove --id u";
    Ran::new(operator.args(["-ec", script])).exits(0);
    let [mail] = &mails(host, 1)[..] else { unreachable!() };
    assert_eq!(mail.call, "operator: -i -FCronDaemon -B8BITMIME -oem ops@example.org");
    assert_eq!(mail.header("Subject"), "Cron <operator@sandbox> /bin/echo hello");
}

fn of_containers(host: &Host) {
    for engine in [Engine::Docker, Engine::Podman] {
        let runtime = engine.program();
        host.sandbox.load_image(engine).expect("the engine takes the image");
        let more = format!("{TO}runtime: {runtime}\nimage: localhost/app\nrevision: v1\n");
        define(host, &more, &[("says", "echo {revision}; echo; echo two >&2; exit 9", "")]);
        host.apply();
        run(host, "says", 1);
        let [mail] = &mails(host, 1)[..] else { unreachable!() };
        let end = "conductor: says of a failed: exit-code, exit status 9\n";
        // An engine passes on both outputs in any order.
        let mut lines: Vec<_> = mail.body.strip_suffix(end).expect("it failed").lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["", "two", "v1"], "{runtime}: {mail:?}");
        assert!(mail.header("Subject").starts_with("Cron <root@sandbox> echo v1; "), "{mail:?}");
        host.conductor(&["remove", "--id", "a"]).exits(0);
    }
}

/// Returns the body of a mail as a reader sees it. Debian's cron writes all in quoted-printable.
fn decoded(mail: &Mail) -> String {
    if mail.header("Content-Transfer-Encoding") == "8bit" {
        return mail.body.clone();
    }
    let text = mail.body.replace("=\n", "");
    let mut parts = text.split('=');
    let mut bytes = parts.next().expect("a part").as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("a byte"));
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The same line of a crontab, run by cron and as a job.
fn a_mail_is_like_that_of_cron(host: &Host) {
    const FILE: &str = "/etc/cron.d/compare";
    host.sh("useradd --create-home worker");
    a_real_program_delivers_it(host);
    install_sendmail(host);
    let leaves = |name: &str| {
        let waits = "until [ -e /tmp/go ]; do sleep 0.1; done";
        format!("({waits}; echo later; touch /tmp/late-{name}) & echo now")
    };
    let crontab = "PATH=/usr/bin:/bin\n@reboot worker echo mine\nMAILTO=ops@example.org\n\
        @reboot worker echo \"gr\u{fc}\u{df}e\"; echo; echo '  third  ' >&2; printf 'no end \\377.\\n.\\n'\n\
        @reboot worker exit 1\n\
        MAILTO=\n\
        @reboot worker echo nobody\n\
        MAILTO=ops@example.org\n";
    host.write(FILE, &format!("{crontab}@reboot worker {}\n", leaves("cron")));
    host.sh("chmod 644 /etc/cron.d/compare; systemctl start cron");
    // Without MAILTO, the user of the command gets it. It goes when the command itself has ended.
    let from_cron = mails(host, 3);
    let [crons, of_cron_to_user, now] =
        ["no end", "mine", "now"].map(|text| with_body(&from_cron, text));
    assert_eq!((of_cron_to_user.header("To"), now.body.as_str()), ("worker", "now\n"));
    assert!(!host.path("/tmp/late-cron").exists());
    host.sh("touch /tmp/go");
    host.eventually("what was left goes on", |host| host.path("/tmp/late-cron").exists());
    host.sh("rm /tmp/go; systemctl stop cron");
    let imported = host.conductor(&["cron", "import", "--system", FILE]).exits(0).stdout;
    host.sh(&format!("rm {FILE}"));
    host.define("compare.yaml", &imported);
    host.apply();
    let json = host.conductor(&["status", "--output", "json"]).exits(0).json();
    let jobs = json["services"][0]["jobs"].as_array().expect("jobs").clone();
    let mut statuses = BTreeMap::new();
    for job in &jobs {
        let name = job["name"].as_str().expect("a name");
        let ran = host.conductor(&["cron", "run-now", "--id", "compare", name, "--output", "json"]);
        statuses.insert(name.to_owned(), ran.json()["exit_status"].clone());
    }
    assert_eq!(statuses.len(), 5, "{imported}");
    // cron ignores that a command fails, and conductor says so.
    let from_us = mails(host, 4);
    let [ours, to_user, failed, _] =
        ["no end", "mine", "failed", "now"].map(|text| with_body(&from_us, text));
    for name in ["From", "To", "Subject"] {
        assert_eq!(to_user.header(name), of_cron_to_user.header(name), "{name}");
    }
    assert!(failed.body.contains("failed: exit-code, exit status 1"), "{failed:?}");
    assert_eq!(decoded(ours), decoded(crons));
    for name in ["From", "To", "Subject"] {
        assert_eq!(ours.header(name), crons.header(name), "{name}");
    }
    let shown = |mail: &Mail| {
        let variables = mail.headers.iter().filter(|(name, _)| name == "X-Cron-Env");
        let mut variables: Vec<_> = variables.map(|(_, value)| value.clone()).collect();
        variables.sort();
        variables
    };
    assert_eq!(shown(ours), shown(crons));
    for name in ["MIME-Version", "Content-Type"] {
        assert_eq!(ours.header(name), crons.header(name), "{name}");
    }
    // Both call sendmail in the same way, but for its user: cron calls it as the user of the job.
    let words = |mail: &Mail| {
        let (user, words) = mail.call.split_once(": ").expect("a user");
        let words: BTreeSet<_> = words.split(' ').map(str::to_owned).collect();
        (user.to_owned(), words)
    };
    let ((ours, cron), of_cron) = ((words(ours), "worker"), words(crons));
    assert_eq!((ours.0.as_str(), of_cron.0.as_str()), ("root", cron));
    assert_eq!(ours.1, of_cron.1);

    // What is to stay can still write, and the mail goes before it ends.
    let command = serde_json::json!(["/bin/sh", "-c", leaves("conductor")]);
    host.define(
        "kept.yaml",
        &format!(
            "id: kept\ninstances: 0\nsandbox: false\nuser: worker\n{TO}cron:\n  keep: \
             {{schedule: '@yearly', children: keep, command: {command}}}\n"
        ),
    );
    host.apply();
    host.conductor(&["cron", "run-now", "--id", "kept", "keep"]).exits(0);
    let [now] = &mails(host, 1)[..] else { unreachable!() };
    assert_eq!(now.body, "now\n");
    assert!(!host.path("/tmp/late-conductor").exists());
    host.sh("touch /tmp/go");
    host.eventually("what was kept goes on", |host| host.path("/tmp/late-conductor").exists());
    host.eventually("its output is in the journal", |host| {
        let log = host.conductor(&["logs", "--id", "kept", "--job", "keep"]).exits(0);
        log.stdout.contains("later")
    });
    let group = "/sys/fs/cgroup/conductor.slice/conductor-kept.slice";
    host.eventually("nothing is left", |host| {
        host.sh(&format!("cat {group}/*/cgroup.procs 2>/dev/null || true")).is_empty()
    });
}

/// Returns the mail whose body contains a text.
fn with_body<'m>(mails: &'m [Mail], text: &str) -> &'m Mail {
    let mail = mails.iter().find(|mail| mail.body.contains(text));
    mail.unwrap_or_else(|| panic!("no {text}: {mails:#?}"))
}

/// A mail program of Debian, dma, takes the mail and delivers it to a mailbox of the host.
fn a_real_program_delivers_it(host: &Host) {
    const BOX: &str = "/var/mail/worker";
    let command = "[/bin/sh, -c, \"echo delivered; echo; echo .; echo end\"]";
    host.define(
        "real.yaml",
        &format!("id: real\ninstances: 0\nmail_to: worker\ncron:\n  says: {{schedule: '@yearly', command: {command}}}\n"),
    );
    host.apply();
    host.conductor(&["cron", "run-now", "--id", "real", "says"]).exits(0);
    host.eventually("the mail is delivered", |host| {
        let mailbox = std::fs::read_to_string(host.path(BOX)).unwrap_or_default();
        mailbox.contains("\ndelivered\n\n.\nend\n") && mailbox.contains("\nSubject: Cron <")
    });
    host.undefine("real.yaml");
    host.conductor(&["remove", "--id", "real"]).exits(0);
}
