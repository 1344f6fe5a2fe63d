//! `conductor metrics`: prints the state of all services in numbers, for Prometheus and what reads its formats.

mod exposition;
mod http;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use conductor_core::error::Invalid;
use conductor_host::system::write_textfile;

use self::exposition::{Format, exposition};
use crate::context::Context;
use crate::failure::Failure;
use crate::print;

#[derive(Debug, Args)]
#[command(
    after_help = "docs/monitoring.md lists the metrics, and says how to have them scraped.\n\n\
                  Example:\n  conductor metrics\n  \
                  conductor metrics --out /var/lib/prometheus/node-exporter/conductor.prom"
)]
pub(crate) struct MetricsOptions {
    /// The format [default: openmetrics; prometheus with --out, for the textfile collector]
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "http")]
    pub(crate) format: Option<FormatName>,
    /// Write FILE in one step, readable for everybody, in place of printing
    #[arg(long, value_name = "FILE", conflicts_with = "http")]
    pub(crate) out: Option<PathBuf>,
    /// Answer one HTTP request on the socket that is standard input, for a socket unit with Accept=yes
    #[arg(long)]
    pub(crate) http: bool,
}

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    /// The standard, version 1.0
    Openmetrics,
    /// The older format of Prometheus, version 0.0.4
    Prometheus,
}

pub(crate) fn run(context: &Context, options: &MetricsOptions) -> Result<ExitCode, Failure> {
    if context.json() {
        let invalid = Invalid::new("metrics have no JSON form");
        let hint = "write conductor status --output json, which prints the same and more";
        return Err(Failure::Argument(invalid.hint(hint)));
    }
    if options.http {
        return http::answer(&context.conductor);
    }
    let format = match (options.format, &options.out) {
        (Some(FormatName::Openmetrics), _) | (None, None) => Format::OpenMetrics,
        (Some(FormatName::Prometheus), _) | (None, Some(_)) => Format::Prometheus,
    };
    let text = exposition(context.conductor.metrics()?, format);
    match &options.out {
        Some(path) => write_textfile(path, &text).map_err(|source| Failure::File { source })?,
        None => print::text(format_args!("{text}"))?,
    }
    Ok(ExitCode::SUCCESS)
}
