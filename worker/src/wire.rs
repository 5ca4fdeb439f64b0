//! The wire protocol: what a worker and its driver say to each other. Sans-IO: bytes in, messages out.
//!
//! The worker speaks first: the [preamble](hello_preamble) ([`MAGIC`], [`VERSION`]), then frames, the first of them
//! [`FromWorker::Hello`]. The driver answers with frames alone, the first of them [`ToWorker::Welcome`]. A frame is a
//! length (`u32`, little endian), that many bytes of [postcard](https://docs.rs/postcard), and a line feed, so that a relay
//! which passes output on line by line (`srun`) holds no frame back. Whatever was printed before the preamble (by ssh, srun, a
//! login script) is a banner, which [`Opening`] passes over.
//!
//! ```
//! use remuda_worker::wire::{Decoder, Opening, FromWorker, ToWorker, encode, hello_preamble};
//!
//! // What a worker writes, with a login message before it:
//! let mut bytes = b"Last login: yesterday\n".to_vec();
//! bytes.extend(hello_preamble());
//! let hello = FromWorker::Hello { procs: 2, memory_mib: 4_096, gpus: 0, functions: vec!["exec".into()] };
//! encode(&hello, &mut bytes)?;
//!
//! // What the driver makes of it, in whatever pieces it comes:
//! let mut opening = Opening::new();
//! let opened = opening.push(&bytes)?.expect("the preamble is complete");
//! let mut decoder = opened.decoder;
//! assert_eq!(decoder.next()?, Some(hello));
//! assert_eq!(decoder.next()?, None);
//! # Ok::<(), remuda_worker::wire::WireError>(())
//! ```

mod codec;
mod error;
mod opening;

pub(crate) use codec::encode_output;
pub use codec::{Decoder, Message, encode};
pub use error::WireError;
pub use opening::{Opened, Opening, hello_preamble};

use serde::{Deserialize, Serialize};
use std::fmt;

/// The first bytes of a worker. No UTF-8 text contains 0xff, so no text of a banner can be taken for it.
pub const MAGIC: [u8; 8] = *b"\xffremuda\n";

/// The version of the protocol, the two bytes after [`MAGIC`]. Both sides must speak the same.
pub const VERSION: u16 = 2;

/// The largest body of a frame, in bytes. It is checked before anything is allocated; [`encode`] refuses larger ones.
pub const MAX_FRAME: usize = 1 << 20;

/// The most bytes of output in one frame.
pub const MAX_CHUNK: usize = 64 * 1024;

/// The credits a call starts with: bytes of output it may send before the driver grants more with [`ToWorker::Credit`].
pub const WINDOW: u32 = 256 * 1024;

/// The most bytes that may come before [`MAGIC`].
pub const MAX_BANNER: usize = 64 * 1024;

/// Which of a call's two outputs a chunk belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stream {
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
}

/// What a driver says to a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The answer to the hello, and the first frame of a driver.
    Welcome {
        /// The worker ends itself when it has heard nothing for this many milliseconds (F8). 0: never.
        silence_ms: u64,
    },
    /// Run a function. Answered by any number of [`FromWorker::Output`] and one [`FromWorker::Reply`].
    Call {
        /// The driver's number of the call, not in use by another.
        call: u64,
        /// Index in the list of functions in the hello.
        function: u32,
        /// The argument, in postcard.
        #[serde(with = "serde_bytes")]
        args: Vec<u8>,
    },
    /// The call may send this much more output.
    Credit {
        /// The call; one that has ended is passed over.
        call: u64,
        /// Bytes, on top of what it has left.
        bytes: u32,
    },
    /// End the call. Its [`FromWorker::Reply`] confirms that it has ended (F12).
    Cancel {
        /// The call; one that has ended is passed over.
        call: u64,
    },
    /// Drop the result of a task (S15). Answered by [`FromWorker::Discarded`].
    Discard {
        /// The task.
        task: u64,
    },
    /// Say how the machine does (S17). Answered by [`FromWorker::Figures`].
    Poll {
        /// The driver's number of the poll, repeated in the answer.
        poll: u64,
    },
    /// End all calls, then yourself. Answered by [`FromWorker::Goodbye`], after which the worker exits.
    Goodbye,
    /// Have the call end by itself: a job gets SIGTERM, and SIGKILL after this time. Its output and result count as ever.
    End {
        /// The call; one that has ended is passed over.
        call: u64,
        /// The time that it has left, in milliseconds.
        grace_ms: u64,
    },
    /// The driver has the reply of a call for good, and no driver after it will ask for it. Said only to workers that connect
    /// back, of drivers that may be started again.
    Release {
        /// The call.
        call: u64,
    },
}

/// What a worker says to its driver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// The first frame of a worker (S19, F9).
    Hello {
        /// How many procs the worker offers.
        procs: u32,
        /// How much memory it offers, in MiB.
        memory_mib: u32,
        /// How many GPUs it offers.
        gpus: u32,
        /// The functions it has, sorted by name; a call names one by its index here.
        functions: Vec<String>,
    },
    /// A piece of a call's output, at most [`MAX_CHUNK`] bytes, covered by credits.
    Output {
        /// The call.
        call: u64,
        /// Which output.
        stream: Stream,
        /// The piece.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// The call has ended; nothing of it comes later, and nothing of it runs any more.
    Reply {
        /// The call.
        call: u64,
        /// The result in postcard, or why there is none.
        #[serde(with = "bytes_or_failure")]
        result: Result<Vec<u8>, Failure>,
    },
    /// The answer to a poll.
    Figures {
        /// The number of the poll.
        poll: u64,
        /// The figures.
        figures: Figures,
    },
    /// The answer to a discard.
    Discarded {
        /// The task.
        task: u64,
        /// Why it could not be dropped, if so.
        error: Option<String>,
    },
    /// The worker has ended its calls and is about to exit.
    Goodbye,
    /// The worker must go: it should get no more calls. What runs may go on for so long (D1).
    Leaving {
        /// Milliseconds from now.
        within_ms: u64,
    },
    /// Right after the hello to a driver that was started again: the calls of the driver before it. What each has printed
    /// follows, from the beginning, and its reply when it has ended.
    Running {
        /// Their numbers, and whether they still run.
        calls: Vec<(u64, bool)>,
    },
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The function itself failed (a *remote error*): what it says of it.
    Remote(String),
    /// The call ended because it was cancelled.
    Cancelled,
    /// The machine could not run the call, and nothing is wrong with the call: the machine has no descriptor, process, memory
    /// or space left, or lacks what every machine has to have. What it says of it.
    Machine(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Remote(text) | Failure::Machine(text) => f.write_str(text),
            Failure::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for Failure {}

/// So much of so much, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes in use.
    pub used: u64,
    /// Bytes there are.
    pub total: u64,
}

/// The figures of a machine (S17). Each part is independent: a part that could not be read is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The machine's memory.
    pub memory: Option<Usage>,
    /// The file system of the worker's current directory.
    pub disk: Option<Usage>,
    /// The load averages over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// The worker's counters, sorted by name.
    pub counters: Option<Vec<(String, i64)>>,
}

/// Keeps the bytes of a result one piece for serde, which would take a plain `Vec<u8>` byte by byte.
mod bytes_or_failure {
    use super::Failure;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_bytes::{ByteBuf, Bytes};

    pub(super) fn serialize<S: Serializer>(
        result: &Result<Vec<u8>, Failure>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        result
            .as_ref()
            .map(|bytes| Bytes::new(bytes))
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Result<Vec<u8>, Failure>, D::Error> {
        let result = Result::<ByteBuf, Failure>::deserialize(deserializer)?;
        Ok(result.map(ByteBuf::into_vec))
    }
}
