//! A definition before it is written: the jobs of a crontab, or of a service that its lines call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::naming;
use crate::name::{JobName, Revision, ServiceId};
use crate::service::Limits;
use crate::value::{
    Argument, Crontab, Description, EnvName, EnvValue, HostPath, MailTo, Span, UserName,
};
use crate::yaml::{Writer, scalar};

/// systemd's `WorkingDirectory=` for the home directory of the user. With the dash, the command runs even if
/// there is no such directory, as under cron.
const HOME: &str = "-~";

/// A variable that systemd sets, and cron does not.
const USER: &str = "USER";

/// The service of PAM whose session cron opens for a command.
const PAM: &str = "cron";
/// The program that sets the variables of a job with a session.
const ENV: &str = "/usr/bin/env";

/// The most values in one definition, and the most bytes: somewhat less than the reader of definitions accepts.
const MOST_VALUES: usize = 4_000;
pub(super) const MOST_TEXT: usize = 700_000;

/// Comments about what a definition expresses in another way than a crontab.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Advice {
    /// The explanation, written once if it is the same for several jobs.
    pub(super) why: Vec<String>,
    /// Keys that an operator may add to the job.
    pub(super) keys: Vec<String>,
}

/// A job before it is written.
#[derive(Debug)]
pub(super) struct DraftJob {
    /// Comments above it.
    pub(super) comments: Vec<String>,
    pub(super) schedule: Crontab,
    pub(super) jitter: Option<Span>,
    pub(super) catch_up: bool,
    pub(super) command: Vec<Argument>,
    pub(super) env: BTreeMap<EnvName, EnvValue>,
    pub(super) limits: Limits,
    pub(super) timeout: Option<Span>,
    pub(super) user: Option<UserName>,
    pub(super) stdin: Option<EnvValue>,
    pub(super) mail_to: Option<MailTo>,
    pub(super) advice: Advice,
}

/// Where the jobs of a definition are from.
#[derive(Debug)]
pub(super) enum Kind {
    /// A crontab, whose variables are their environment.
    Crontab {
        /// The name of the crontab, for people.
        from: String,
        /// The directory in which cron starts the commands, if the crontab sets it.
        home: Option<HostPath>,
        /// The program that reads it.
        reader: &'static str,
        /// Whether its jobs have a session of PAM. Then env(1) sets their variables, because those of PAM win over
        /// those of a unit, and under cron they do not.
        pam: bool,
    },
    /// A service that has its own definition.
    Service {
        /// Its id.
        id: ServiceId,
        /// The revision in the lines.
        revision: Option<Revision>,
        /// The path of its definition.
        defined: Option<PathBuf>,
    },
}

/// A definition before it is written.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) kind: Kind,
    /// The requested id, which another definition may have.
    pub(super) wanted: String,
    /// Comments at the top.
    pub(super) head: Vec<String>,
    pub(super) jobs: Vec<(JobName, DraftJob)>,
    /// Comments below the jobs.
    pub(super) tail: Vec<String>,
    names: BTreeSet<JobName>,
    values: usize,
    text: usize,
}

impl Draft {
    pub(super) fn new(wanted: impl Into<String>, kind: Kind) -> Self {
        let (head, jobs, tail) = (Vec::new(), Vec::new(), Vec::new());
        let wanted = wanted.into();
        Self { kind, wanted, head, jobs, tail, names: BTreeSet::new(), values: 0, text: 0 }
    }

    /// Returns whether the definition would be too long with this job.
    pub(super) fn is_full(&self, job: &DraftJob) -> bool {
        let (values, text) = self.weight(job);
        self.values + values > MOST_VALUES || self.text + text > MOST_TEXT
    }

    /// Adds a job, which is named after a command.
    pub(super) fn push(&mut self, command: &str, job: DraftJob) {
        let (values, text) = self.weight(&job);
        self.values += values;
        self.text += text;
        self.jobs.push((naming::job(command, &mut self.names), job));
    }

    /// Returns how many values a job has, and about how many bytes.
    fn weight(&self, job: &DraftJob) -> (usize, usize) {
        let length = |text: &str| scalar(text).len() + 8;
        let own = self.own_env(job);
        let texts = (job.command.iter().map(Argument::as_str))
            .chain(job.stdin.as_ref().map(EnvValue::as_str))
            .chain(own.iter().map(|(_, value)| value.as_str()));
        // Comments can grow: a character that cannot be printed becomes three bytes.
        let comments = [&job.comments, &job.advice.why, &job.advice.keys];
        let comments = comments.into_iter().flatten().map(|text| 3 * text.len() + 8);
        (10 + job.command.len() + own.len(), texts.map(length).chain(comments).sum::<usize>() + 300)
    }

    /// Returns what a job's environment has in addition to that of the definition, which is the first job's.
    /// With PAM, the definition has none.
    fn own_env<'j>(&self, job: &'j DraftJob) -> Vec<(&'j EnvName, &'j EnvValue)> {
        let common = self.common_env();
        job.env.iter().filter(|(name, value)| common.get(name) != Some(value)).collect()
    }

    fn common_env(&self) -> BTreeMap<&EnvName, &EnvValue> {
        match (&self.kind, self.jobs.first()) {
            (Kind::Crontab { pam: false, .. }, Some((_, first))) => first.env.iter().collect(),
            _ => BTreeMap::new(),
        }
    }

    /// Returns where the output of jobs is mailed that do not say so: those of a crontab as the first one.
    fn common_mail_to(&self) -> Option<&MailTo> {
        match (&self.kind, self.jobs.first()) {
            (Kind::Crontab { .. }, Some((_, first))) => first.mail_to.as_ref(),
            _ => None,
        }
    }

    /// Writes the definition.
    pub(super) fn write(&self, id: &ServiceId) -> String {
        let mut out = Writer::default();
        match &self.kind {
            Kind::Crontab { from, home, reader, pam: _ } => {
                out.comment(&format!(
                    "From {from}. Remove the lines there, or {reader} runs them as well."
                ));
                self.write_crontab(id, from, home.as_ref(), &mut out);
            }
            Kind::Service { id, revision, defined } => {
                let whose = match defined {
                    Some(path) => format!("Merge this into {}", path.display()),
                    None => format!("Merge this into the definition of {id}"),
                };
                out.comment(&format!("{whose}, which says in what its commands run."));
                self.write_head(id, &mut out);
                out.optional("revision", revision.as_ref());
                out.comment("Remove this line if the definition has instances.");
                out.plain("instances", 0);
                self.write_jobs(None, &mut out);
            }
        }
        out.finish()
    }

    fn write_crontab(&self, id: &ServiceId, from: &str, home: Option<&HostPath>, out: &mut Writer) {
        self.write_head(id, out);
        // The path may be too long for a description, or contain characters that are not allowed in one.
        out.optional("description", format!("Jobs of {from}").parse::<Description>().ok());
        out.plain("instances", 0);
        out.plain("sandbox", false);
        let user = self.jobs.first().and_then(|(_, first)| first.user.as_ref());
        out.optional("user", user);
        let common = self.common_env();
        if !common.is_empty() {
            out.map("env", |out| write_env(common.into_iter(), out));
        }
        out.optional("mail_to", self.common_mail_to());
        self.write_jobs(user, out);
        let directory = home.map_or(HOME.to_owned(), |home| format!("-{home}").replace('%', "%%"));
        out.map("systemd", |out| {
            out.map("Service", |out| {
                if self.has_session() {
                    out.comment(&format!(
                        "As under cron. A purge of its package removes /etc/pam.d/{PAM}, which this needs."
                    ));
                    out.scalar("PAMName", PAM);
                }
                if !self.sets(USER) {
                    out.scalar("UnsetEnvironment", USER);
                }
                out.scalar("WorkingDirectory", &directory);
            });
        });
    }

    /// Returns whether the jobs have a session of PAM.
    fn has_session(&self) -> bool {
        matches!(self.kind, Kind::Crontab { pam: true, .. })
    }

    /// Returns whether the environment of a job has a variable.
    fn sets(&self, name: &str) -> bool {
        self.jobs.iter().any(|(_, job)| job.env.keys().any(|set| set.as_str() == name))
    }

    fn write_head(&self, id: &ServiceId, out: &mut Writer) {
        out.comments(&self.head);
        out.scalar("id", id.as_str());
    }

    fn write_jobs(&self, user: Option<&UserName>, out: &mut Writer) {
        out.map("cron", |out| {
            let mut said: &[String] = &[];
            for (name, job) in &self.jobs {
                out.comments(&job.comments);
                out.map(name.as_str(), |out| {
                    self.write_job(job, user, out);
                    if job.advice.why != said {
                        said = &job.advice.why;
                        out.comments(said);
                    }
                    out.comments(&job.advice.keys);
                });
            }
            out.comments(&self.tail);
        });
    }

    fn write_job(&self, job: &DraftJob, common_user: Option<&UserName>, out: &mut Writer) {
        let DraftJob {
            comments: _,
            schedule,
            jitter,
            catch_up,
            command,
            env: _,
            limits,
            timeout,
            user,
            stdin,
            mail_to,
            advice: _,
        } = job;
        out.scalar("schedule", schedule.as_str());
        out.optional("jitter", jitter.as_ref());
        if *catch_up {
            out.plain("catch_up", true);
        }
        let env = self.own_env(job);
        let sets: Vec<_> = match self.has_session() {
            true => env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            false => Vec::new(),
        };
        let first = (!sets.is_empty()).then_some(ENV);
        let words = first.into_iter().chain(sets.iter().map(String::as_str));
        out.list("command", words.chain(command.iter().map(Argument::as_str)));
        out.optional("user", user.as_ref().filter(|user| Some(*user) != common_user));
        if sets.is_empty() && !env.is_empty() {
            out.map("env", |out| write_env(env.into_iter(), out));
        }
        if *limits != Limits::default() {
            out.map("limits", |out| {
                for (key, value) in limits.written() {
                    out.scalar(key, &value);
                }
            });
        }
        out.optional("timeout", timeout.as_ref());
        out.optional("stdin", stdin.as_ref());
        if mail_to.as_ref() != self.common_mail_to() {
            out.scalar("mail_to", &mail_to.as_ref().map_or(String::new(), MailTo::to_string));
        }
    }
}

fn write_env<'e>(env: impl Iterator<Item = (&'e EnvName, &'e EnvValue)>, out: &mut Writer) {
    for (name, value) in env {
        out.scalar(name.as_str(), value.as_str());
    }
}
