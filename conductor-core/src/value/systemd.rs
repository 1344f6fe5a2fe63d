//! Directives that a definition adds to a unit, as they are written.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use super::character::is_unfit;
use crate::error::{Invalid, shown};
use crate::text::{Numbers, serde_error, text_type};

text_type!(
    /// A section of a service unit that a definition may add to.
    Section,
    check_section,
    "^(Unit|Service)$",
    numbers: Numbers::Refused,
    "A section of the instances' units: Unit or Service."
);

text_type!(
    /// The name of a directive (systemd.directives(7)).
    Directive,
    check_directive,
    directive_pattern(),
    numbers: Numbers::Refused,
    "The name of a directive, see systemd.directives(7)."
);

text_type!(
    /// The name of a unit, which may contain systemd's specifiers, as in `notify@%n.service`.
    UnitReference,
    check_unit_reference,
    unit_reference_pattern(),
    numbers: Numbers::Refused,
    "A unit to start; %n is the name of the job's unit: notify@%n.service."
);

/// Directives on which conductor depends, so no definition may set them, and what to do instead.
const OWN: [(&str, &str); 8] = [
    ("ExecStart", "use command"),
    ("Type", "remove it: the runtime decides the type"),
    ("Slice", "remove it: each service has its own slice"),
    ("NotifyAccess", "remove it: conductor reports readiness"),
    ("SyslogIdentifier", "remove it: the journal is searched for the service's id"),
    ("Description", "use description"),
    ("Environment", "use env"),
    ("User", "use user"),
];

/// The specifiers of systemd.unit(5) that a unit name may contain.
const SPECIFIERS: &str = "nNpPiIjJbHlmqv";

fn directive_pattern() -> String {
    let own = OWN.map(|(name, _)| name).join("|");
    format!("^(?!({own})$)[A-Z][A-Za-z0-9]*$")
}

fn unit_reference_pattern() -> String {
    format!(r"^(?=.{{1,255}}$)(?!-)([A-Za-z0-9:_.@\\-]|%[{SPECIFIERS}])+\.(service|target)$")
}

/// The value of a directive: each item is one assignment, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting(Vec<String>);

impl Setting {
    /// Returns the values, one for each line of the unit.
    pub fn values(&self) -> &[String] {
        &self.0
    }
}

fn check_section(text: &str) -> Result<(), Invalid> {
    match text {
        "Unit" | "Service" => Ok(()),
        _ => Err(Invalid::new(format!("{} is not a section that can be added to", shown(text)))
            .hint("write Unit or Service; conductor writes the other sections")),
    }
}

fn check_directive(text: &str) -> Result<(), Invalid> {
    if let Some((_, why)) = OWN.iter().find(|(name, _)| *name == text) {
        return Err(Invalid::new(format!("{text} is set by conductor")).hint(*why));
    }
    let first = text.starts_with(|c: char| c.is_ascii_uppercase());
    match first && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not the name of a directive", shown(text)))
            .hint("see systemd.directives(7), for example Nice or IOWeight")),
    }
}

fn check_unit_reference(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 255;
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":_.@\\-".contains(c);
    // systemd refuses the whole unit for a specifier that it does not know.
    let mut pieces = text.split('%');
    let plain = pieces.next().is_some_and(|first| first.chars().all(allowed))
        && pieces.all(|piece| {
            piece.starts_with(|c| SPECIFIERS.contains(c)) && piece.chars().all(allowed)
        });
    let suffix = [".service", ".target"]
        .iter()
        .any(|suffix| text.len() > suffix.len() && text.ends_with(suffix));
    // A program of systemd would read it as an option.
    let plain = plain && !text.starts_with('-');
    match suffix && plain && text.len() <= LONGEST {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not the name of a unit", shown(text)))
            .hint("for example notify@%n.service")),
    }
}

/// Refuses text that could end the line and begin another directive (systemd also ends lines at CR and NUL).
fn check_setting(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 65_536;
    if let Some(control) = text.chars().find(|c| is_unfit(*c) && *c != '\t') {
        return Err(Invalid::new(format!("{} contains {control:?}", shown(text)))
            .hint("write one line; to assign the directive several times, write a list"));
    }
    if text.ends_with('\\') {
        return Err(Invalid::new(format!("{} ends in a backslash", shown(text)))
            .hint("remove it: systemd would join the next line to this one"));
    }
    if text.len() > LONGEST {
        return Err(Invalid::new(format!("{} is longer than {LONGEST} bytes", shown(text))));
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SettingVisitor { in_list: false }.deserialize(deserializer)
    }
}

/// Reads a setting, or one item of it; a list inside a list is refused.
struct SettingVisitor {
    in_list: bool,
}

impl<'de> DeserializeSeed<'de> for SettingVisitor {
    type Value = Setting;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Setting, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SettingVisitor {
    type Value = Setting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true or false, or a list of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Setting, E> {
        check_setting(text).map_err(serde_error)?;
        Ok(Setting(vec![text.to_owned()]))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Setting, E> {
        Ok(Setting(vec![value.to_string()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Setting, A::Error> {
        if self.in_list {
            return Err(de::Error::custom("a list inside a list"));
        }
        let mut values = Vec::new();
        while let Some(Setting(mut value)) =
            seq.next_element_seed(SettingVisitor { in_list: true })?
        {
            values.append(&mut value);
        }
        if values.is_empty() {
            let empty = Invalid::new("the list is empty");
            return Err(serde_error(empty.hint("write \"\" to set the directive to nothing")));
        }
        Ok(Setting(values))
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for Setting {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Setting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        const TEXT: &str = r"\u0000-\u0008\u000a-\u001f\u007f-\u009f";
        let line = format!(r"^([^{TEXT}]*[^{TEXT}\\])?$");
        schemars::json_schema!({
            "description": "The value of the directive; a list assigns it several times.",
            "type": ["string", "number", "boolean", "array"],
            "pattern": line,
            "minItems": 1,
            "items": {"type": ["string", "number", "boolean"], "pattern": line},
        })
    }
}

text_type!(
    /// The name of a directory in `/run`.
    RuntimeDirectory,
    check_runtime_directory,
    format!("^(?!({})$)[A-Za-z0-9_][A-Za-z0-9_.-]{{0,63}}$", RUN_BY_ROOT.join("|")),
    numbers: Numbers::Refused,
    "The name of a directory in /run that systemd makes for the service, such as mysqld."
);

/// Directories in `/run` that belong to root's programs. systemd gives a `RuntimeDirectory=` to the unit's user, with
/// all that is in it.
const RUN_BY_ROOT: [&str; 19] = [
    "conductor",
    "containerd",
    "containers",
    "credentials",
    "crun",
    "cryptsetup",
    "dbus",
    "docker",
    "initramfs",
    "libpod",
    "lock",
    "log",
    "mount",
    "netns",
    "private",
    "runc",
    "systemd",
    "udev",
    "user",
];

fn check_runtime_directory(text: &str) -> Result<(), Invalid> {
    const LONGEST: usize = 64;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if !begins || text.len() > LONGEST || !text.chars().all(fits) {
        let fault = format!("{} is not the name of a directory in /run", shown(text));
        return Err(Invalid::new(fault).hint("write one name, such as mysqld for /run/mysqld"));
    }
    if RUN_BY_ROOT.contains(&text) {
        let fault = format!("/run/{text} belongs to a program of the host");
        return Err(Invalid::new(fault).hint("write a name of the service's own"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_directory_is_one_of_the_services_own() {
        for good in ["mysqld", "haproxy", "web-1.2_3"] {
            assert!(good.parse::<RuntimeDirectory>().is_ok(), "{good}");
        }
        for bad in
            ["", ".", "..", "-a", "/run/mysqld", "a/b", "a b", "%n", "a:b", "a\n", &"a".repeat(65)]
        {
            let refused = bad.parse::<RuntimeDirectory>().unwrap_err();
            assert!(
                refused.to_string().contains("is not the name of a directory in /run"),
                "{refused}"
            );
        }
        for root in ["systemd", "conductor", "user"] {
            let refused = root.parse::<RuntimeDirectory>().unwrap_err();
            assert_eq!(
                refused.to_string(),
                format!("/run/{root} belongs to a program of the host")
            );
        }
    }

    #[test]
    fn a_setting_cannot_begin_another_line() {
        for bad in ["a\nExecStart=/bin/sh", "a\rb", "a\0", "a\\"] {
            assert!(check_setting(bad).is_err(), "{bad:?}");
        }
        for good in ["", "5", "%n", "a\\x20b", "@system-service ~@mount"] {
            assert!(check_setting(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn directives_of_conductor_are_refused_with_the_way_to_say_it() {
        let error = "ExecStart".parse::<Directive>().unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("use command"));
        for bad in ["nice", "Nice=5\nExecStart", "", "X-Conductor"] {
            assert!(bad.parse::<Directive>().is_err(), "{bad:?}");
        }
        assert!("Install".parse::<Section>().is_err());
        assert!("notify@%n.service".parse::<UnitReference>().is_ok());
        for bad in [
            "notify",
            "-x.service",
            ".service",
            "a%.service",
            "a%z.service",
            "a%%.service",
            "a\n.service",
        ] {
            assert!(bad.parse::<UnitReference>().is_err(), "{bad:?}");
        }
    }
}
