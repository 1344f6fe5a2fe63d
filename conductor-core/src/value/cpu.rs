//! Shares of processors, as in `CPUQuota=` (systemd.resource-control(5)) and `docker run --cpus`.

use std::fmt;
use std::str::FromStr;

use super::memory::scale;
use crate::error::{Invalid, shown};
use crate::text::{Numbers, written_as_text};

/// An amount of processor time in thousandths of one CPU, from 0.01 to 8192 CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(u32);

/// The kernel accepts no quota below one millisecond in a period of 100 ms.
const LEAST: u64 = 10;

/// Linux supports no more CPUs, and systemd accepts no quota that is much higher.
const MOST: u64 = 8192 * 1000;

impl Cpu {
    /// Returns the value for `CPUQuota=`, such as `150%`.
    pub fn percent(self) -> String {
        format!("{}%", decimal(self.0, 10))
    }
}

impl FromStr for Cpu {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = || {
            Invalid::new(format!("{} is not an amount of CPU", shown(text)))
                .hint("write 1.5 or 150% for one and a half CPUs; from 0.01 to 8192")
        };
        let milli = match text.strip_suffix('%') {
            Some(percent) => scale(percent, 10),
            None => scale(text, 1000),
        };
        let milli = milli.filter(|milli| (LEAST..=MOST).contains(milli)).ok_or_else(refuse)?;
        u32::try_from(milli).map(Self).map_err(|_| refuse())
    }
}

/// Returns `value / unit` as a decimal without trailing zeros.
fn decimal(value: u32, unit: u32) -> String {
    let width = unit.ilog10() as usize;
    let text = format!("{}.{:0width$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal(self.0, 1000))
    }
}

written_as_text!(
    Cpu,
    r"^(?=.*[1-9])[0-9]+(\.[0-9]{1,9})?%?$",
    numbers: Numbers::AtLeast(0.01),
    "An amount of processor time: 1.5 or 150% is one and a half CPUs."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_printed() {
        for (text, percent, printed) in [
            ("1.5", "150%", "1.5"),
            ("150%", "150%", "1.5"),
            ("2", "200%", "2"),
            ("0.125", "12.5%", "0.125"),
            ("0.01", "1%", "0.01"),
            ("10", "1000%", "10"),
            ("8192", "819200%", "8192"),
        ] {
            let cpu: Cpu = text.parse().unwrap();
            assert_eq!((cpu.percent().as_str(), cpu.to_string().as_str()), (percent, printed));
            assert_eq!(printed.parse(), Ok(cpu));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for bad in
            ["", "0", "0.001", "-1", ".nan", ".inf", "1,5", "150 %", "all", "99999999999", "8193"]
        {
            assert!(bad.parse::<Cpu>().is_err(), "{bad:?}");
        }
    }
}
