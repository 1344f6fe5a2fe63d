//! The output of a job, which is kept until its unit ends.

use probe_protocol::{Collect, UnitPath};

use super::Instance;
use crate::definition::Children;
use crate::name::UnitName;
use crate::unit::escape::CommandLine;

impl Instance<'_> {
    /// Adds the words before the command if its output is kept. `probe` is the path of the probe.
    pub(super) fn collect(&self, line: &mut CommandLine, probe: &str) {
        if let Some(children) = self.collected {
            let (output, keep) = (output_file(self.unit), children == Children::Keep);
            line.word(probe);
            line.arguments(&Collect { output, keep }.words());
        }
    }
}

/// Returns the file with the output, in the unit's own runtime directory.
pub(crate) fn output_file(unit: &UnitName) -> UnitPath {
    let name = unit.as_str().strip_suffix(".service").unwrap_or(unit.as_str());
    UnitPath::Runtime(format!("conductor/{name}/output"))
}
