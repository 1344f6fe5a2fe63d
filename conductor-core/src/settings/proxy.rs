//! The settings of proxies.

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::definition::{Fault, Field, Located, NodeId, Source, Table};
use crate::error::Invalid;
use crate::name::{ProxyName, UnitName};
use crate::value::{Argument, FileSuffix, HostPath};

const DIRECTORY: &str = "/etc/nginx/conf.d";
const SUFFIX: &str = ".conf";
const TEST: [&str; 3] = ["/usr/sbin/nginx", "-t", "-q"];
const UNIT: &str = "nginx.service";

/// How conductor configures a proxy of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxySettings {
    /// The directory of conductor's files for it; the proxy has to read all files there.
    pub directory: HostPath,
    /// The end of these files' names.
    pub suffix: FileSuffix,
    /// The template of the files; `None` for that of nginx.
    pub template: Option<HostPath>,
    /// The program that checks the proxy's configuration, and its arguments.
    pub test: Vec<Argument>,
    /// The unit that is reloaded.
    pub unit: UnitName,
}

impl ProxySettings {
    /// Returns the settings of Debian's nginx.
    pub fn nginx() -> Self {
        Self {
            directory: value(DIRECTORY),
            suffix: value(SUFFIX),
            template: None,
            test: TEST.iter().map(|argument| value(argument)).collect(),
            unit: value(UNIT),
        }
    }
}

/// Parses one of the constants above.
fn value<T: FromStr<Err = Invalid>>(text: &str) -> T {
    text.parse().expect("the constants of this file are good values")
}

/// The keys of one proxy, as they are read from a file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct ProxyKeys {
    /// The directory of conductor's files for the proxy.
    #[schemars(extend("default" = DIRECTORY))]
    directory: Field<HostPath>,
    /// The end of their names, for all proxies: a dot and `a-z`, `0-9`.
    #[schemars(extend("default" = SUFFIX))]
    suffix: Field<FileSuffix>,
    /// Your own template of the files; nginx's format unless given.
    template: Field<HostPath>,
    /// The program (an absolute path) that checks the proxy's configuration, and its arguments.
    #[schemars(extend("default" = TEST))]
    test: Field<Vec<Field<Argument>>>,
    /// The unit that is reloaded.
    #[schemars(extend("default" = UNIT))]
    unit: Field<UnitName>,
}

/// Checks the proxies, and notes problems in the source.
pub(super) fn proxies(
    source: &Source<'_>,
    table: Field<Table<ProxyName, ProxyKeys>>,
) -> BTreeMap<ProxyName, ProxySettings> {
    let mut proxies = BTreeMap::from([(ProxyName::nginx(), ProxySettings::nginx())]);
    let mut places = Vec::new();
    for (name, raw) in table.into_value().map_or(Vec::new(), |table| table.0) {
        let Some(raw) = raw.given() else { continue };
        let built_in = Some(ProxySettings::nginx()).filter(|_| name.value == ProxyName::nginx());
        if let Some(settings) = proxy(source, raw, built_in.as_ref()) {
            places.push((name.value.clone(), name.at));
            proxies.insert(name.value, settings);
        }
    }
    for (name, at) in places {
        let own = &proxies[&name];
        let shares = |(other, settings): &(&ProxyName, &ProxySettings)| {
            **other != name && settings.directory == own.directory && settings.suffix == own.suffix
        };
        if let Some((other, _)) = proxies.iter().find(shares) {
            let fault =
                Fault::new(format!("its files would have the same names as those of {other}"));
            source.refuse(at, fault.hint("give it another directory, or another suffix"));
        }
    }
    proxies
}

/// Checks one proxy; without `built_in`, all keys are required.
fn proxy(
    source: &Source<'_>,
    raw: Located<ProxyKeys>,
    built_in: Option<&ProxySettings>,
) -> Option<ProxySettings> {
    let Located { value: ProxyKeys { directory, suffix, template, test, unit }, at } = raw;
    if built_in.is_none() {
        let missing = |key: &str, example: &str| {
            let fault = Fault::new(format!("the key {key} is missing"));
            source.refuse(at, fault.hint(format!("write for example {key}: {example}")));
        };
        if directory.is_absent() {
            missing("directory", DIRECTORY);
        }
        if test.is_absent() {
            missing("test", &example_test());
        }
        if unit.is_absent() {
            missing("unit", UNIT);
        }
    }
    if let Field::Given(unit) = &unit
        && unit.value.kind() != "service"
    {
        let fault = Fault::new(format!("{} is not a service", unit.value));
        source.refuse(unit.at, fault.hint("write the proxy's unit, such as nginx.service"));
    }
    let test = test.given().map(|command| test_command(source, command));
    Some(ProxySettings {
        directory: value_or(directory, built_in.map(|nginx| &nginx.directory))?,
        suffix: value_or(suffix, Some(&value(SUFFIX)))?,
        template: template.into_value(),
        test: test.or(built_in.map(|nginx| nginx.test.clone()))?,
        unit: value_or(unit, built_in.map(|nginx| &nginx.unit))?,
    })
}

/// Returns the value, or the default if the key is absent; a refused value is not replaced.
fn value_or<T: Clone>(field: Field<T>, default: Option<&T>) -> Option<T> {
    if field.is_absent() { default.cloned() } else { field.into_value() }
}

/// Checks the command that tests the proxy's configuration.
fn test_command(source: &Source<'_>, command: Located<Vec<Field<Argument>>>) -> Vec<Argument> {
    match command.value.first() {
        None => {
            let fault = Fault::new("the command is empty");
            source.refuse(command.at, fault.hint(format!("write for example {}", example_test())));
        }
        Some(Field::Given(program)) => check_program(source, program.at, &program.value),
        Some(Field::Absent | Field::Refused) => {}
    }
    command.value.into_iter().filter_map(Field::into_value).collect()
}

fn check_program(source: &Source<'_>, at: NodeId, program: &Argument) {
    if let Err(invalid) = program.as_str().parse::<HostPath>() {
        let fault = Fault::new(invalid.message);
        let hint = invalid.hint.unwrap_or_else(|| format!("write for example {}", TEST[0]));
        source.refuse(at, fault.hint(hint));
    }
}

fn example_test() -> String {
    format!("[{}]", TEST.join(", "))
}
