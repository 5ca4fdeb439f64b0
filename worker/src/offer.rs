//! What a worker finds that it can offer: procs, memory and GPUs.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};
use sysinfo::{MemoryRefreshKind, System};

/// Names the GPUs that a process may use, by number or by id.
pub(crate) const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// How long `nvidia-smi` may take. It hangs where a driver is broken.
const LIMIT: Duration = Duration::from_secs(10);

/// What a machine has to offer.
///
/// ```
/// let offer = remuda_worker::Offer::found();
/// assert!(offer.procs > 0 && offer.memory_mib > 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// How many procs.
    pub procs: u32,
    /// How much memory, in MiB.
    pub memory_mib: u32,
    /// The GPUs, each as `CUDA_VISIBLE_DEVICES` names it.
    pub gpus: Vec<String>,
}

impl Offer {
    /// What this machine has: its cores, as far as this process may use them; its memory, or that of its container; the GPUs
    /// that `CUDA_VISIBLE_DEVICES` names, or else those that `nvidia-smi -L` lists, or none.
    #[must_use]
    pub fn found() -> Offer {
        Offer {
            procs: cores(),
            memory_mib: memory_mib(),
            gpus: gpus(),
        }
    }

    /// The memory of [`found`](Offer::found) alone, in MiB.
    #[must_use]
    pub fn memory_found() -> u32 {
        memory_mib()
    }
}

/// The cores that this process may use.
pub(crate) fn cores() -> u32 {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores).unwrap_or(u32::MAX)
}

/// The memory of this machine, or the limit of the container that this process is in; 0 where it is not to be learnt.
pub(crate) fn memory_mib() -> u32 {
    let Ok(mut system) = System::new() else {
        return 0;
    };
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let total = system.total_memory();
    let limit = system.cgroup_limits().map(|limits| limits.total_memory);
    let bytes = limit.filter(|limit| *limit > 0).unwrap_or(total).min(total);
    u32::try_from(bytes >> 20).unwrap_or(u32::MAX)
}

/// The GPUs that this process may use.
pub(crate) fn gpus() -> Vec<String> {
    match env::var(VISIBLE) {
        Ok(listed) => visible(&listed),
        Err(_) => numbered(count(&listing().unwrap_or_default())),
    }
}

/// The first `count` of the GPUs, or numbers for those that are not known.
///
/// # Errors
/// `CUDA_VISIBLE_DEVICES` names fewer.
pub(crate) fn first_gpus(count: u32) -> Result<Vec<String>, String> {
    let count = count as usize;
    let mut found = gpus();
    if found.len() < count {
        if env::var_os(VISIBLE).is_some() {
            let found = found.len();
            return Err(format!(
                "{count} GPUs are to be offered, and {VISIBLE} names {found}"
            ));
        }
        found = numbered(count);
    }
    found.truncate(count);
    Ok(found)
}

/// The devices of a list, up to the first that is none, as CUDA reads it.
fn visible(listed: &str) -> Vec<String> {
    let devices = listed.split(',').map(str::trim);
    let devices = devices
        .take_while(|device| !device.is_empty() && *device != "-1" && *device != "NoDevFiles");
    devices.map(str::to_owned).collect()
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// How many GPUs a listing of `nvidia-smi -L` has: lines like `GPU 0: Tesla T4 (UUID: GPU-…)`. The parts of a divided GPU
/// (MIG) are listed below it, and are not counted.
fn count(listing: &str) -> usize {
    let lines = listing.lines();
    lines.filter(|line| line.starts_with("GPU ")).count()
}

/// What `nvidia-smi -L` prints; `None` where there is none, or it fails or hangs.
fn listing() -> Option<String> {
    let mut child = Command::new("nvidia-smi")
        .arg("-L")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    if !ends_well(&mut child).unwrap_or(false) {
        let _ = child.kill();
        let _ = child.wait();
        return None;
    }
    // A line a GPU: it fitted into the pipe, or the process would not have ended.
    let mut text = String::new();
    child.stdout.take()?.read_to_string(&mut text).ok()?;
    Some(text)
}

fn ends_well(child: &mut Child) -> io::Result<bool> {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_devices_ends_where_cuda_ends_it() {
        assert_eq!(visible("0,1, 2"), ["0", "1", "2"]);
        assert_eq!(visible("GPU-8932f937,MIG-1a"), ["GPU-8932f937", "MIG-1a"]);
        assert_eq!(visible("1,-1,2"), ["1"]);
        for none in ["", "-1", "NoDevFiles"] {
            assert_eq!(visible(none), [""; 0], "{none:?}");
        }
    }

    #[test]
    fn a_listing_has_a_line_a_gpu() {
        let listing = "GPU 0: A100 (UUID: GPU-1)\n  MIG 1g.5gb Device 0: (UUID: MIG-1)\nGPU 1: A100 (UUID: GPU-2)\n";
        assert_eq!(count(listing), 2);
        assert_eq!(count("No devices were found\n"), 0);
    }
}
