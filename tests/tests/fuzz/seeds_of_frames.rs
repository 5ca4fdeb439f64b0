//! Inputs made by hand for the target `wire`: each frame, and each thing that is wrong with one.

use remuda_worker::wire::{
    Failure, Figures, FromWorker, MAX_FRAME, Message, Stream, ToWorker, Usage, encode,
    hello_preamble,
};

use crate::seeds::Seed;

/// For the target `wire`: each frame, in pieces of three, five and one byte.
pub(crate) fn wire() -> Vec<Seed> {
    const PIECES: [u8; 4] = [0, 3, 5, 1];
    let sent = |stream: &[u8]| [&PIECES, stream].concat();
    // The last byte stands there more often than a frame is long, and the pieces are hundreds of times these.
    let long = |stream: &[u8]| [&[0xff, 200, 90, 255], stream].concat();
    let from_worker = frames(&from_worker());
    let announced = |length: usize| u32::try_from(length).expect("short").to_le_bytes();
    vec![
        ("to-a-worker", sent(&frames(&to_worker()))),
        ("from-a-worker", sent(&from_worker)),
        (
            "a-banner-the-preamble-and-frames",
            sent(
                &[
                    b"Last login: \xff\xffre\n",
                    &hello_preamble()[..],
                    &from_worker,
                ]
                .concat(),
            ),
        ),
        ("another-version", sent(b"hello\xffremuda\n\xff\xff")),
        ("a-banner-without-a-preamble", sent(b"command not found\n")),
        ("a-banner-without-end", long(b"..")),
        ("a-frame-that-is-too-long", sent(&announced(MAX_FRAME + 1))),
        (
            "half-a-frame",
            sent(&[&announced(300)[..], &[0; 9]].concat()),
        ),
        (
            "a-frame-with-bytes-to-spare",
            sent(&[&announced(3)[..], &[6, 6, 6, b'\n']].concat()),
        ),
        (
            "a-frame-without-its-line-feed",
            sent(&[&announced(1)[..], &[6, b'\r']].concat()),
        ),
        (
            "a-frame-of-an-unknown-kind",
            sent(&[&announced(2)[..], &[99, 0, b'\n']].concat()),
        ),
        // A call with as long an argument as a frame can hold, of line feeds, as its end must be one.
        (
            "a-frame-as-long-as-they-get",
            long(
                &[
                    &announced(MAX_FRAME)[..],
                    &[1, 7, 0, 0xfa, 0xff, 0x3f, b'\n'],
                ]
                .concat(),
            ),
        ),
        // A hello with 2^60 functions.
        (
            "a-list-that-says-it-is-long",
            sent(
                &[
                    &announced(11)[..],
                    &[
                        0, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, b'\n',
                    ],
                ]
                .concat(),
            ),
        ),
    ]
}

/// Every message to a worker.
pub(crate) fn to_worker() -> [ToWorker; 8] {
    [
        ToWorker::Welcome {
            silence_ms: 120_000,
        },
        ToWorker::Call {
            call: 1,
            function: 0,
            args: b"args".to_vec(),
        },
        ToWorker::Credit {
            call: 1,
            bytes: 65_536,
        },
        ToWorker::Cancel { call: 1 },
        ToWorker::Discard { task: 9 },
        ToWorker::Poll { poll: 3 },
        ToWorker::Goodbye,
        ToWorker::End {
            call: 1,
            grace_ms: 5_000,
        },
    ]
}

/// Every message of a worker.
pub(crate) fn from_worker() -> [FromWorker; 12] {
    let usage = Some(Usage { used: 1, total: 2 });
    [
        FromWorker::Hello {
            procs: 2,
            memory_mib: 4_096,
            gpus: 1,
            functions: vec!["exec".into(), "other".into()],
        },
        FromWorker::Output {
            call: 1,
            stream: Stream::Stderr,
            bytes: b"text\n".to_vec(),
        },
        FromWorker::Reply {
            call: 1,
            result: Ok(vec![0]),
        },
        FromWorker::Reply {
            call: 2,
            result: Err(Failure::Remote("no such file".into())),
        },
        FromWorker::Reply {
            call: 3,
            result: Err(Failure::Cancelled),
        },
        FromWorker::Reply {
            call: 4,
            result: Err(Failure::Machine("too many open files".into())),
        },
        FromWorker::Figures {
            poll: 3,
            figures: Figures {
                memory: usage,
                disk: usage,
                load: Some([1.0, 0.5, f64::INFINITY]),
                counters: Some(vec![("calls".into(), -1)]),
            },
        },
        FromWorker::Figures {
            poll: 4,
            figures: Figures::default(),
        },
        FromWorker::Discarded {
            task: 9,
            error: None,
        },
        FromWorker::Discarded {
            task: 9,
            error: Some("unknown".into()),
        },
        FromWorker::Goodbye,
        FromWorker::Leaving { within_ms: 120_000 },
    ]
}

fn frames<M: Message>(messages: &[M]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        encode(message, &mut bytes).expect("short");
    }
    bytes
}
