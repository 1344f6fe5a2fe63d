//! Hosts for Ansible: sandboxes with SSH servers, and a directory of playbooks.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::control::{Control, run};
use crate::host::Host;
use crate::ran::Ran;

/// Hosts by their names in the inventory, and a user of Ansible with a directory, a home, and a key.
pub(crate) struct Fleet<'h> {
    control: &'static Control,
    directory: TempDir,
    hosts: Vec<(&'static str, &'h Host)>,
}

/// The result of a task.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The output before the result: the diff.
    pub(crate) diff: String,
    pub(crate) result: Value,
    failed: bool,
    ran: Ran,
}

/// A task of a playbook.
#[derive(Debug)]
pub(crate) struct Task<'t> {
    pub(crate) module: &'t str,
    pub(crate) arguments: Value,
    pub(crate) check: bool,
}

impl<'h> Fleet<'h> {
    /// Makes hosts reachable over SSH. They cannot be reused afterwards.
    pub(crate) fn new(hosts: Vec<(&'static str, &'h Host)>) -> Result<Self, Failed> {
        let control = Control::get()?;
        let directory = TempDir::new()?;
        let fleet = Self { control, directory, hosts };
        fs::create_dir(fleet.home())?;
        let mut keygen = Command::new("ssh-keygen");
        run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(fleet.path("home/key")))?;
        let key = fs::read_to_string(fleet.path("home/key.pub"))?;
        let mut config = String::new();
        let mut inventory = "web:\n  hosts:\n".to_owned();
        for (name, host) in &fleet.hosts {
            host.spoil();
            host.write("/root/.ssh/authorized_keys", &key);
            host.sh("systemctl start ssh.service");
            // A sandbox has its own network without a route to others.
            writeln!(
                config,
                "Host {name}\n  ProxyCommand nsenter --target {} --mount --net -- \
                 busybox nc 127.0.0.1 22",
                host.sandbox.leader()
            )?;
            writeln!(inventory, "    {name}:")?;
        }
        writeln!(
            config,
            "Host *\n  User root\n  IdentityFile {}\n  StrictHostKeyChecking no\n  \
             UserKnownHostsFile /dev/null\n  LogLevel ERROR",
            fleet.path("home/key").display()
        )?;
        fs::write(fleet.path("home/ssh_config"), config)?;
        fs::write(fleet.path("home/inventory.yml"), inventory)?;
        Ok(fleet)
    }

    /// Returns a path in the directory of playbooks.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// Writes a playbook, or a file for one.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file is in a directory"))
            .expect("it can be made");
        fs::write(path, text).expect("it can be written");
    }

    /// Returns a command of a user who has configured only SSH.
    pub(crate) fn plain(&self, program: &str) -> Command {
        let mut command = self.control.command(program, self.directory.path(), &self.home());
        let options = "-o ControlMaster=auto -o ControlPersist=15s";
        let config = self.path("home/ssh_config");
        command.env("ANSIBLE_SSH_ARGS", format!("-F {} {options}", config.display()));
        // The first Python that it finds is the right one, without a warning.
        command.env("ANSIBLE_PYTHON_INTERPRETER", "auto_silent");
        command
    }

    /// Returns a command with the collection and the inventory.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = self.plain(program);
        command.env("ANSIBLE_COLLECTIONS_PATH", &self.control.collections);
        command.env("ANSIBLE_INVENTORY", self.path("home/inventory.yml"));
        command.env("ANSIBLE_PIPELINING", "1");
        command
    }

    /// Runs a playbook.
    #[track_caller]
    pub(crate) fn play(&self, arguments: &[&str]) -> Ran {
        Ran::new(self.command("ansible-playbook").args(arguments))
    }

    /// Runs one task on the first host.
    #[track_caller]
    pub(crate) fn task(&self, module: &str, arguments: &Value, options: &[&str]) -> Outcome {
        let module = format!("conductor.conductor.{module}");
        let host = self.hosts[0].0;
        let mut command = self.command("ansible");
        command.args([host, "--module-name", &module, "--args", &arguments.to_string()]);
        let ran = Ran::new(command.args(options));
        let word = format!("{host} | ");
        let (diff, rest) = ran.stdout.split_once(&word).unwrap_or_else(|| panic!("{ran}"));
        let result = match rest.split_once(" => ") {
            Some((_, result)) => {
                serde_json::from_str(result).unwrap_or_else(|error| panic!("{error}\n{ran}"))
            }
            // Ansible shows nothing else of a skipped task.
            None => json!({"changed": false, "skipped": rest.trim_end() == "SKIPPED"}),
        };
        Outcome { diff: diff.to_owned(), result, failed: ran.status == Some(2), ran }
    }

    /// Runs tasks on the first host, one after the other, also after one that fails. For many tasks this takes
    /// much less time than [`Fleet::task`] for each.
    #[track_caller]
    pub(crate) fn tasks(&self, tasks: &[Task<'_>]) -> Vec<Outcome> {
        let mut all = Vec::new();
        for (number, Task { module, arguments, check }) in tasks.iter().enumerate() {
            all.push(
                json!({format!("conductor.conductor.{module}"): arguments, "check_mode": check,
                "ignore_errors": true, "register": format!("result_{number}")}),
            );
        }
        let results: Vec<_> = (0..tasks.len()).map(|number| format!("result_{number}")).collect();
        all.push(json!({"ansible.builtin.copy": {"dest": self.path("results.json"),
            "content": format!("{{{{ [{}] | to_json }}}}", results.join(", "))},
            "delegate_to": "localhost", "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "ansible_connection": "local"}}));
        let play = json!([{"hosts": self.hosts[0].0, "gather_facts": false, "tasks": all}]);
        self.write("tasks.yml", &play.to_string());
        let ran = self.play(&["tasks.yml"]).exits(0);
        let results = fs::read(self.path("results.json")).expect("the play wrote its results");
        let results: Vec<Value> = serde_json::from_slice(&results).expect("the play wrote JSON");
        assert_eq!(results.len(), tasks.len());
        let outcome = |result: Value| Outcome {
            diff: String::new(),
            failed: result["failed"] == true,
            result,
            ran: ran.clone(),
        };
        results.into_iter().map(outcome).collect()
    }
}

impl Outcome {
    /// Asserts that it succeeded, and whether it changed something.
    #[track_caller]
    pub(crate) fn changed(self, changed: bool) -> Self {
        assert!(!self.failed && self.ran.status == Some(0), "{}\n{}", self.result, self.ran);
        assert_eq!(self.result["changed"], changed, "{}\n{}", self.result, self.ran);
        self
    }

    /// Asserts that it failed, changed nothing, and has these texts.
    #[track_caller]
    pub(crate) fn fails(self, texts: &[&str]) -> Self {
        assert!(self.failed, "{}\n{}", self.result, self.ran);
        assert_eq!(self.result["changed"], false, "{}\n{}", self.result, self.ran);
        let message = self.result["msg"].as_str().unwrap_or_default();
        for text in texts {
            assert!(
                message.contains(text),
                "no {text:?} in the message\n{}\n{}",
                self.result,
                self.ran
            );
        }
        self
    }

    /// Returns the steps that were carried out.
    #[track_caller]
    pub(crate) fn steps(&self) -> &Vec<Value> {
        self.result["steps"].as_array().unwrap_or_else(|| panic!("no steps\n{}", self.ran))
    }
}
