//! The wire codec: every message survives every cut, and no bytes can hurt the reader.

use proptest::collection::vec;
use proptest::prelude::*;
use remuda_worker::wire::{
    Decoder, Failure, Figures, FromWorker, MAGIC, MAX_BANNER, MAX_CHUNK, MAX_FRAME, Message,
    Opening, Stream, ToWorker, Usage, VERSION, WINDOW, WireError, encode, hello_preamble,
};

fn to_worker() -> impl Strategy<Value = ToWorker> {
    prop_oneof![
        any::<u64>().prop_map(|silence_ms| ToWorker::Welcome { silence_ms }),
        (any::<u64>(), any::<u32>(), vec(any::<u8>(), 0..300)).prop_map(
            |(call, function, args)| ToWorker::Call {
                call,
                function,
                args
            }
        ),
        (any::<u64>(), any::<u32>()).prop_map(|(call, bytes)| ToWorker::Credit { call, bytes }),
        any::<u64>().prop_map(|call| ToWorker::Cancel { call }),
        (any::<u64>(), any::<u64>()).prop_map(|(call, grace_ms)| ToWorker::End { call, grace_ms }),
        any::<u64>().prop_map(|task| ToWorker::Discard { task }),
        any::<u64>().prop_map(|poll| ToWorker::Poll { poll }),
        Just(ToWorker::Goodbye),
    ]
}

fn figures() -> impl Strategy<Value = Figures> {
    let usage = || {
        proptest::option::of(
            (any::<u64>(), any::<u64>()).prop_map(|(used, total)| Usage { used, total }),
        )
    };
    let load = proptest::option::of([0.0..1e9f64, 0.0..1e9f64, 0.0..1e9f64]);
    let counters = proptest::option::of(vec((any::<String>(), any::<i64>()), 0..5));
    (usage(), usage(), load, counters).prop_map(|(memory, disk, load, counters)| Figures {
        memory,
        disk,
        load,
        counters,
    })
}

fn from_worker() -> impl Strategy<Value = FromWorker> {
    let stream = prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)];
    let result = prop_oneof![
        vec(any::<u8>(), 0..300).prop_map(Ok),
        any::<String>().prop_map(|text| Err(Failure::Remote(text))),
        Just(Err(Failure::Cancelled)),
        any::<String>().prop_map(|text| Err(Failure::Machine(text))),
    ];
    prop_oneof![
        (any::<[u32; 3]>(), vec(any::<String>(), 0..5)).prop_map(|(offer, functions)| {
            let [procs, memory_mib, gpus] = offer;
            FromWorker::Hello {
                procs,
                memory_mib,
                gpus,
                functions,
            }
        }),
        (any::<u64>(), stream, vec(any::<u8>(), 0..300)).prop_map(|(call, stream, bytes)| {
            FromWorker::Output {
                call,
                stream,
                bytes,
            }
        }),
        (any::<u64>(), result).prop_map(|(call, result)| FromWorker::Reply { call, result }),
        (any::<u64>(), figures()).prop_map(|(poll, figures)| FromWorker::Figures { poll, figures }),
        (any::<u64>(), proptest::option::of(any::<String>()))
            .prop_map(|(task, error)| FromWorker::Discarded { task, error }),
        Just(FromWorker::Goodbye),
        any::<u64>().prop_map(|within_ms| FromWorker::Leaving { within_ms }),
    ]
}

/// Cuts `bytes` into pieces of the given sizes, over and over.
fn pieces<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        let (piece, rest) = bytes.split_at((*size).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
        if bytes.is_empty() {
            break;
        }
    }
    pieces
}

/// Decodes pieces as they come.
fn decode<M: Message>(decoder: &mut Decoder<M>, pieces: &[&[u8]]) -> Result<Vec<M>, WireError> {
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(message) = decoder.next()? {
            messages.push(message);
        }
    }
    decoder.finish()?;
    Ok(messages)
}

fn encoded<M: Message>(messages: &[M]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        encode(message, &mut bytes).expect("no message of the test is near the limit");
    }
    bytes
}

proptest! {
    #[test]
    fn messages_to_a_worker_survive_any_cut(messages in vec(to_worker(), 0..8), sizes in vec(1..40usize, 1..8)) {
        let bytes = encoded(&messages);
        prop_assert_eq!(decode(&mut Decoder::new(), &pieces(&bytes, &sizes)), Ok(messages));
    }

    #[test]
    fn messages_from_a_worker_survive_any_cut(messages in vec(from_worker(), 0..8), sizes in vec(1..40usize, 1..8)) {
        let bytes = encoded(&messages);
        prop_assert_eq!(decode(&mut Decoder::new(), &pieces(&bytes, &sizes)), Ok(messages));
    }

    #[test]
    fn all_at_once_or_late_is_the_same(messages in vec(from_worker(), 0..8)) {
        // Pushed whole before the first is taken.
        let bytes = encoded(&messages);
        let mut decoder = Decoder::new();
        for piece in bytes.chunks(7) {
            decoder.push(piece);
        }
        prop_assert_eq!(decode(&mut decoder, &[&[]]), Ok(messages));
    }

    #[test]
    fn arbitrary_bytes_give_a_value_or_an_error(bytes in vec(any::<u8>(), 0..600), sizes in vec(1..40usize, 1..8)) {
        let _ = decode::<ToWorker>(&mut Decoder::new(), &pieces(&bytes, &sizes));
        let _ = decode::<FromWorker>(&mut Decoder::new(), &pieces(&bytes, &sizes));
    }

    #[test]
    fn arbitrary_bodies_give_a_value_or_an_error(bodies in vec(vec(any::<u8>(), 0..60), 1..6)) {
        // Framed rightly, so that the bodies are looked at.
        for body in bodies {
            let mut bytes = u32::try_from(body.len()).expect("short").to_le_bytes().to_vec();
            bytes.extend(body);
            bytes.push(b'\n');
            let _ = decode::<ToWorker>(&mut Decoder::new(), &[&bytes]);
            let _ = decode::<FromWorker>(&mut Decoder::new(), &[&bytes]);
        }
    }

    #[test]
    fn half_a_frame_is_said_so(message in from_worker(), part in 0.0..1.0f64) {
        let bytes = encoded(&[message]);
        let cut = 1 + ((bytes.len() - 2) as f64 * part) as usize;
        let error = decode::<FromWorker>(&mut Decoder::new(), &[&bytes[..cut]]).expect_err("half a frame");
        let need = if cut < 4 { 4 } else { bytes.len() };
        prop_assert_eq!(error, WireError::Truncated { have: cut, need });
    }

    #[test]
    fn a_banner_is_passed_over_however_it_is_cut(
        // Made of the magic's own bytes, so that it is full of near misses.
        banner in vec(proptest::sample::select(MAGIC.to_vec()), 0..60),
        sizes in vec(1..12usize, 1..6),
    ) {
        prop_assume!(!banner.windows(8).any(|bytes| bytes == MAGIC));
        let mut bytes = banner.clone();
        bytes.extend(hello_preamble());
        // A banner may end in the magic's beginning; what then matters is the first whole magic.
        let first = bytes.windows(8).position(|window| window == MAGIC).expect("it is there");
        prop_assume!(first == banner.len());
        bytes.extend(encoded(&[FromWorker::Goodbye]));
        let mut opening = Opening::new();
        let mut opened = None;
        let mut messages = Vec::new();
        for piece in pieces(&bytes, &sizes) {
            match &mut opened {
                None => opened = opening.push(piece).expect("a good preamble").map(|opened| {
                    assert_eq!(opened.banner, banner);
                    opened.decoder
                }),
                Some(decoder) => decoder.push(piece),
            }
            if let Some(decoder) = &mut opened {
                while let Some(message) = decoder.next().expect("good frames") {
                    messages.push(message);
                }
            }
        }
        prop_assert_eq!(messages, vec![FromWorker::Goodbye]);
    }
}

#[test]
fn a_length_over_the_limit_is_refused_before_a_byte_of_the_body() {
    let mut decoder = Decoder::<FromWorker>::new();
    decoder.push(&u32::MAX.to_le_bytes());
    let error = WireError::TooLong {
        length: u32::MAX as usize,
        limit: MAX_FRAME,
    };
    assert_eq!(decoder.next(), Err(error.clone()));
    assert_eq!(
        error.to_string(),
        "frame of 4294967295 bytes, over the limit of 1048576"
    );
    // It stays refused, and what comes later is not kept.
    decoder.push(&encoded(&[FromWorker::Goodbye]));
    assert_eq!(decoder.next(), Err(error.clone()));
    assert_eq!(decoder.finish(), Err(error));
}

#[test]
fn the_largest_frame_passes_and_one_byte_more_does_not() {
    let reply = |length| FromWorker::Reply {
        call: 0,
        result: Ok(vec![7; length]),
    };
    let overhead = encoded(&[reply(MAX_CHUNK)]).len() - 5 - MAX_CHUNK;
    let largest = reply(MAX_FRAME - overhead);
    let bytes = encoded(std::slice::from_ref(&largest));
    assert_eq!(bytes.len(), 4 + MAX_FRAME + 1);
    assert_eq!(decode(&mut Decoder::new(), &[&bytes]), Ok(vec![largest]));

    let mut out = b"before".to_vec();
    let error = encode(&reply(MAX_FRAME - overhead + 1), &mut out);
    assert_eq!(
        error,
        Err(WireError::TooLong {
            length: MAX_FRAME + 1,
            limit: MAX_FRAME
        })
    );
    assert_eq!(out, b"before");
}

#[test]
fn each_frame_ends_in_a_line_feed_so_that_no_relay_holds_it_back() {
    for frame in [
        encoded(&[FromWorker::Goodbye]),
        encoded(&[ToWorker::Poll { poll: 10 }]),
    ] {
        assert_eq!(frame.last(), Some(&b'\n'));
    }
    let mut bytes = encoded(&[FromWorker::Goodbye]);
    let (end, frame) = bytes.split_last_mut().expect("it is not empty");
    let mut decoder = Decoder::<FromWorker>::new();
    decoder.push(frame);
    assert_eq!(decoder.next(), Ok(None), "its line feed is a part of it");
    *end = b'\r';
    decoder.push(&[*end]);
    assert_eq!(
        decoder.next().expect_err("no line feed").to_string(),
        "malformed frame: it ends in byte 0x0d and not in a line feed"
    );
}

#[test]
fn bytes_left_over_in_a_frame_are_malformed() {
    let mut bytes = encoded(&[FromWorker::Goodbye]);
    bytes.insert(bytes.len() - 1, 0);
    bytes[0] += 1;
    let error = decode::<FromWorker>(&mut Decoder::new(), &[&bytes]).expect_err("a byte too many");
    assert_eq!(
        error.to_string(),
        "malformed frame: 1 bytes too many at its end"
    );
}

#[test]
fn a_list_that_claims_to_be_huge_is_malformed() {
    // Hello, 1 proc, 2^34 functions or so, none of which follow.
    let body = [0, 1, 0xff, 0xff, 0xff, 0xff, 0x3f];
    let mut bytes = 7u32.to_le_bytes().to_vec();
    bytes.extend(body);
    bytes.push(b'\n');
    let error =
        decode::<FromWorker>(&mut Decoder::new(), &[&bytes]).expect_err("they are not there");
    assert!(matches!(error, WireError::Malformed { .. }), "{error}");
}

#[test]
fn another_version_is_refused_by_name() {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(9u16.to_le_bytes());
    let error = Opening::new().push(&bytes).expect_err("not our version");
    assert_eq!(
        error,
        WireError::Version {
            found: 9,
            supported: VERSION
        }
    );
    assert_eq!(
        error.to_string(),
        "the worker speaks version 9 of the protocol, we speak 2"
    );
}

#[test]
fn a_banner_may_have_its_limit_and_not_a_byte_more() {
    for (length, good) in [(MAX_BANNER, true), (MAX_BANNER + 1, false)] {
        let mut bytes = vec![b'.'; length];
        bytes.extend(hello_preamble());
        for size in [bytes.len(), 4096, 3] {
            let mut opening = Opening::new();
            let results: Vec<_> = bytes
                .chunks(size)
                .map(|piece| opening.push(piece))
                .collect();
            let found = results.iter().any(|result| matches!(result, Ok(Some(_))));
            let refused = results
                .iter()
                .any(|result| matches!(result, Err(WireError::NoMagic { .. })));
            assert_eq!(
                (found, refused),
                (good, !good),
                "banner of {length} in pieces of {size}"
            );
        }
    }
}

#[test]
fn a_stream_that_ends_before_the_hello_shows_what_it_was() {
    let mut opening = Opening::new();
    assert_eq!(
        opening.finish().to_string(),
        "the output ended before a worker's hello"
    );
    assert!(
        opening
            .push(b"sh: remuda: not found\n")
            .expect("may still come")
            .is_none()
    );
    assert_eq!(opening.banner(), b"sh: remuda: not found\n");
    let text = "the output ended before a worker's hello; it was \"sh: remuda: not found\"";
    assert_eq!(opening.finish().to_string(), text);
}

#[test]
fn a_decoder_holds_no_more_than_a_frame_and_takes_linear_time() {
    // A frame of the largest size, a byte at a time, a hundred thousand small ones after it: quadratic work would not end.
    let large = FromWorker::Reply {
        call: 1,
        result: Ok(vec![1; MAX_FRAME - 16]),
    };
    let mut bytes = encoded(&[large]);
    for _ in 0..100_000 {
        encode(&FromWorker::Goodbye, &mut bytes).expect("small");
    }
    let mut decoder = Decoder::<FromWorker>::new();
    let mut messages = 0;
    for byte in &bytes {
        decoder.push(std::slice::from_ref(byte));
        while decoder.next().expect("good frames").is_some() {
            messages += 1;
        }
    }
    assert_eq!(messages, 100_001);
    // The same pushed whole, then taken while more comes.
    let mut decoder = Decoder::<FromWorker>::new();
    decoder.push(&bytes);
    let mut taken = 0;
    while decoder.next().expect("good frames").is_some() {
        taken += 1;
        if taken % 1000 == 0 {
            decoder.push(&encoded(&[FromWorker::Goodbye]));
        }
    }
    assert_eq!(taken, messages + taken / 1000);
}

#[test]
fn the_limits_are_what_the_protocol_says() {
    assert_eq!((MAX_FRAME, MAX_CHUNK), (1_048_576, 65_536));
    assert_eq!((WINDOW, MAX_BANNER), (262_144, 65_536));
    assert_eq!(VERSION, 2);
}

#[test]
fn a_failure_says_what_it_is() {
    let remote = Failure::Remote("no such file".into());
    assert_eq!(remote.to_string(), "no such file");
    assert_eq!(Failure::Cancelled.to_string(), "cancelled");
    let machine = Failure::Machine("too many open files".into());
    assert_eq!(machine.to_string(), "too many open files");
}

#[test]
fn a_decoder_knows_what_it_holds_and_gives_back_what_a_large_frame_took() {
    let mut decoder = Decoder::<ToWorker>::new();
    assert_eq!((decoder.held(), decoder.capacity()), (0, 0));
    let frame = encoded(&[ToWorker::Poll { poll: 3 }]);
    decoder.push(&[&frame[..], &frame[..2]].concat());
    assert_eq!(decoder.held(), frame.len() + 2);
    assert!(decoder.capacity() >= decoder.held());
    assert_eq!(decoder.next(), Ok(Some(ToWorker::Poll { poll: 3 })));
    assert_eq!(decoder.held(), 2);
    decoder.push(&frame[2..]);
    assert_eq!(decoder.next(), Ok(Some(ToWorker::Poll { poll: 3 })));
    assert_eq!(decoder.held(), 0);
    let args = vec![7; 900_000];
    let large = ToWorker::Call {
        call: 1,
        function: 2,
        args,
    };
    decoder.push(&encoded(std::slice::from_ref(&large)));
    assert!(decoder.capacity() >= 900_000);
    assert_eq!(decoder.next(), Ok(Some(large)));
    assert!(decoder.capacity() <= 300_000, "{}", decoder.capacity());
}

#[test]
fn a_stream_of_frames_costs_no_more_than_the_largest_push() {
    // Each push ends in the middle of a frame, so that there is always something left.
    let frame = encoded(&[ToWorker::Call {
        call: 1,
        function: 2,
        args: vec![7; 1000],
    }]);
    let stream = frame.repeat(500);
    let mut decoder = Decoder::<ToWorker>::new();
    let mut taken = 0;
    for piece in stream.chunks(frame.len() + 100) {
        decoder.push(piece);
        while decoder.next().expect("good frames").is_some() {
            taken += 1;
        }
    }
    assert_eq!(taken, 500);
    assert!(
        decoder.capacity() < 8 * frame.len(),
        "{}",
        decoder.capacity()
    );
}
