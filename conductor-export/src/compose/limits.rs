//! Converts limits.

use std::collections::BTreeMap;
use std::fmt::Display;

use conductor_core::service::Limits as Definition;
use conductor_core::value::HostPath;

use super::Conversion;
use super::model::{Blkio, Deploy, Limits, Rate, Resources, Service};
use crate::given::Given;
use crate::text::size;

impl Conversion<'_> {
    pub(super) fn limits(&mut self, given: &Given<'_>, service: &mut Service) {
        // Without `..`: for each new limit it must be decided here what becomes of it.
        let Definition {
            memory,
            // Reported by the table.
            memory_high: _,
            memory_swap,
            cpu,
            cpu_weight,
            cpuset,
            pids,
            io_weight,
            io_read_bps,
            io_write_bps,
            io_read_iops,
            io_write_iops,
            oom_score_adjust,
        } = &given.service.limits;
        let pids = pids.map(conductor_core::value::Pids::number);
        let memory = memory.map(conductor_core::value::Memory::bytes);
        let cpus = cpu.map(|cpu| cpu.to_string());
        if self.is_swarm() {
            let limits = Limits { memory: memory.map(size), cpus, pids };
            let resources = Resources { limits: Some(limits.clone()) };
            let deploy = Deploy { resources: Some(resources), ..Deploy::default() };
            service.deploy = (limits != Limits::default()).then_some(deploy);
            return;
        }
        service.mem_limit = memory.map(size);
        let swap = memory_swap.map_or(0, conductor_core::value::Memory::bytes);
        service.memswap_limit = memory.map(|memory| size(memory.saturating_add(swap)));
        service.cpus = cpus;
        // Docker's default of 1024 shares is systemd's default weight of 100.
        let shares = |weight: u64| (weight * 1024).div_ceil(100);
        service.cpu_shares = cpu_weight.map(|weight| shares(u64::from(weight.number())));
        service.cpuset = cpuset.as_ref().map(Into::into);
        service.pids_limit = pids;
        service.oom_score_adj = oom_score_adjust.map(|score| i64::from(score.number()));
        let blkio = Blkio {
            // Docker's weight is from 10 to 1000, with 500 as its default.
            weight: io_weight.map(|weight| (u64::from(weight.number()) * 5).clamp(10, 1000)),
            device_read_bps: rates(io_read_bps),
            device_write_bps: rates(io_write_bps),
            device_read_iops: rates(io_read_iops),
            device_write_iops: rates(io_write_iops),
        };
        service.blkio_config = Some(blkio).filter(|blkio| *blkio != Blkio::default());
    }
}

fn rates(devices: &BTreeMap<HostPath, impl Display>) -> Vec<Rate> {
    // Sizes are written as `10M`, which Compose reads in lower case.
    let rate = |value: &dyn Display| value.to_string().to_lowercase();
    devices.iter().map(|(path, value)| Rate { path: path.into(), rate: rate(value) }).collect()
}
