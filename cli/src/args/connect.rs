//! The flags about workers that connect back, on both sides, and those of `remuda key`.
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use remuda_worker::Connect;
use remuda_worker::session::Key;

use crate::values::seconds;

#[derive(Args, Debug)]
pub(crate) struct ListenArgs {
    /// Take workers that connect back to this address; a port alone is one of this computer's loopback.
    ///
    /// Machines are then `remuda worker --connect` processes, wherever somebody starts them, and none is started here unless
    /// --launch says so. Both sides prove that they have the key of --key-file, and all between them is encrypted. Example:
    /// remuda key cluster.key, then: remuda run --listen 0.0.0.0:7000 --key-file cluster.key jobs.txt
    #[arg(long, value_name = "[ADDR:]PORT", value_parser = address, requires = "key_file")]
    pub(crate) listen: Option<SocketAddr>,

    /// The key that workers must have; `remuda key` makes one.
    ///
    /// Example: --key-file ~/.remuda.key
    #[arg(long, value_name = "FILE", requires = "listen")]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ConnectArgs {
    /// Connect to the driver at this address, instead of serving one over standard input and output.
    ///
    /// Example: remuda worker --connect head:7000 --key-file cluster.key
    #[arg(long, value_name = "HOST:PORT", requires = "key_file")]
    connect: Option<String>,

    /// The key of the driver, a copy of its --key-file.
    #[arg(long, value_name = "FILE", requires = "connect")]
    key_file: Option<PathBuf>,

    /// The number of the machine that the driver waits for [default: join as one more machine].
    ///
    /// May be a sum, so that a task of an array needs no arithmetic. Example: --id 7; --id 5+$SLURM_ARRAY_TASK_ID
    #[arg(long, value_name = "N[+N]", requires = "connect", value_parser = sum)]
    id: Option<u64>,

    /// The kind of machine to join as: a name or a number that the driver knows.
    ///
    /// Example: --kind 1
    #[arg(long, value_name = "K", requires = "connect", conflicts_with = "id")]
    kind: Option<String>,

    /// Keep the jobs for this long when the connection is cut, and try to come back; then end them.
    ///
    /// Also to a run that was killed and goes on (--recover): what its jobs print is kept for it, in TMPDIR.
    /// Example: --reconnect 120
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    reconnect: Duration,
}

impl ConnectArgs {
    /// Where to connect to, if anywhere.
    ///
    /// # Errors
    /// What is wrong with the key file.
    pub(crate) fn read(&self) -> Result<Option<Connect>, String> {
        let (Some(address), Some(file)) = (&self.connect, &self.key_file) else {
            return Ok(None);
        };
        let key = Key::read(file).map_err(|error| error.to_string())?;
        let mut connect = Connect::new(address, key).reconnect(self.reconnect);
        if let Some(id) = self.id {
            connect = connect.machine(id);
        }
        if let Some(kind) = &self.kind {
            connect = connect.kind(kind);
        }
        Ok(Some(connect))
    }
}

/// Make a key for workers that connect back, in a new file that only you can read.
///
/// Who has the key can run anything on the workers, and can be one. Copy it to where workers start, and keep its mode.
///
/// Example: remuda key cluster.key && scp -p cluster.key node7:
#[derive(Args, Debug)]
pub(crate) struct KeyArgs {
    /// The file to make. One that is there already is left as it is.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

fn sum(text: &str) -> Result<u64, String> {
    let mut sum = 0_u64;
    for part in text.split('+') {
        let part = part.parse().ok();
        let added = part.and_then(|part: u64| sum.checked_add(part));
        sum = added.ok_or("expected a whole number, or a sum of some, such as 5+2")?;
    }
    Ok(sum)
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok(([127, 0, 0, 1], port).into());
    }
    let mut addresses = text.to_socket_addrs().map_err(|error| {
        format!("{error}; expected an address and a port, such as 10.0.0.1:7000, or a port")
    })?;
    addresses
        .next()
        .ok_or_else(|| "the name has no address".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_may_be_a_sum() {
        assert_eq!(sum("7"), Ok(7));
        assert_eq!(sum("5+0+2"), Ok(7));
        for wrong in [
            "",
            "+",
            "5+",
            "5+$SLURM_ARRAY_TASK_ID",
            "-1",
            "18446744073709551615+1",
        ] {
            assert!(sum(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_port_alone_is_of_the_loopback() {
        let is = |text: &str| address(text).map(|address| address.to_string());
        assert_eq!(is("7000"), Ok("127.0.0.1:7000".into()));
        assert_eq!(is(":7000"), Ok("127.0.0.1:7000".into()));
        assert_eq!(is("0.0.0.0:0"), Ok("0.0.0.0:0".into()));
        assert_eq!(is("[::1]:7"), Ok("[::1]:7".into()));
        for wrong in ["", "70000", "here", "10.0.0.1", "10.0.0.1:x"] {
            assert!(is(wrong).is_err(), "{wrong}");
        }
    }
}
