//! On a host with one processor, the thread that waits for a change is the only one of the pool that files are
//! read with: whoever works for it must not wait for that pool.

use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use conductor_core::service::Service;
use conductor_host::system::Paths;
use conductor_host::{Apply, Change, Conductor, Event, Prune};
use rayon::ThreadPoolBuilder;

#[test]
fn a_change_comes_to_its_end() {
    let root = tempfile::tempdir().unwrap();
    let paths = Paths::below(root.path()).unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().unwrap();
        let service = Service::parse(Path::new("a.yaml"), "id: a\ncommand: [/bin/a]\n").unwrap();
        let conductor = Conductor::new(paths, None).unwrap().offline();
        let apply = Apply { services: vec![service], prune: Prune::Report, ..Apply::default() };
        let change = Change::Apply(apply);
        let report = conductor.carry_out(&change, &mut |_: Event| {}).unwrap();
        sender.send(report.changed).unwrap();
    });
    assert_eq!(receiver.recv_timeout(Duration::from_mins(1)), Ok(true));
}
