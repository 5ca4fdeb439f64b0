//! The GPUs of a worker, each of which one job has at a time.

use crate::sync::lock;
use std::sync::Mutex;

/// All GPUs of a worker.
#[derive(Debug, Default)]
pub(crate) struct Devices(Mutex<Vec<Device>>);

#[derive(Debug)]
struct Device {
    name: String,
    taken: bool,
}

/// Some GPUs, which are free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    devices: &'a Devices,
    names: Vec<String>,
}

impl Devices {
    pub(crate) fn new(names: Vec<String>) -> Devices {
        let devices = names.into_iter();
        let devices = devices.map(|name| Device { name, taken: false });
        Devices(Mutex::new(devices.collect()))
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.0).len()
    }

    /// Takes the first that are free.
    ///
    /// # Errors
    /// There are fewer.
    pub(crate) fn take(&self, count: usize) -> Result<Taken<'_>, String> {
        let mut devices = lock(&self.0);
        let free = devices.iter_mut().filter(|device| !device.taken);
        let free: Vec<&mut Device> = free.take(count).collect();
        if free.len() < count {
            let free = free.len();
            return Err(format!("{count} GPUs were asked for, and {free} are free"));
        }
        let names = free.into_iter().map(|device| {
            device.taken = true;
            device.name.clone()
        });
        Ok(Taken {
            devices: self,
            names: names.collect(),
        })
    }
}

impl Taken<'_> {
    /// As `CUDA_VISIBLE_DEVICES` wants them.
    pub(crate) fn list(&self) -> String {
        self.names.join(",")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for device in lock(&self.devices.0).iter_mut() {
            device.taken &= !self.names.contains(&device.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_taken_once_and_free_again_afterwards() {
        let devices = Devices::new(["0", "GPU-b", "2"].map(str::to_owned).to_vec());
        let first = devices.take(1).unwrap();
        let second = devices.take(2).unwrap();
        assert_eq!(
            (first.list(), second.list()),
            ("0".into(), "GPU-b,2".into())
        );
        assert!(devices.take(1).is_err());
        assert_eq!(devices.take(0).unwrap().list(), "");
        drop(first);
        assert_eq!(devices.take(1).unwrap().list(), "0");
        drop(second);
        assert_eq!(devices.take(3).unwrap().list(), "0,GPU-b,2");
    }
}
