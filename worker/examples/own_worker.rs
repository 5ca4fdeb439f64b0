//! A program that is its own worker, with nothing but this crate and the standard library.
//!
//! With the argument `worker` it serves its functions. Without, it starts itself so, and calls one of them twice, speaking the
//! wire protocol by hand. (A driver does that for you, on many machines: see the examples of `remuda-tokio`.)
//!
//! `cargo run -p remuda-worker --example own_worker`

use remuda_worker::wire::{Decoder, FromWorker, Opening, ToWorker, encode};
use remuda_worker::{Registry, Worker};
use std::error::Error;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        let registry = Registry::new().function("sqrt", |x: f64| match x.sqrt() {
            root if root.is_nan() => Err(format!("{x} has no square root")),
            root => Ok(root),
        });
        Worker::new(registry).procs(1).serve();
    }
    drive()
}

fn drive() -> Result<(), Box<dyn Error>> {
    let mut worker = Command::new(std::env::current_exe()?)
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut to_worker = worker.stdin.take().ok_or("it was asked for")?;
    let mut from_worker = worker.stdout.take().ok_or("it was asked for")?;
    let mut bytes = [0; 4096];

    // The worker speaks first: a preamble, then frames.
    let mut opening = Opening::new();
    let mut decoder = loop {
        let read = from_worker.read(&mut bytes)?;
        if read == 0 {
            return Err(opening.finish().into());
        }
        if let Some(opened) = opening.push(&bytes[..read])? {
            break opened.decoder;
        }
    };
    let mut next = |decoder: &mut Decoder<FromWorker>| -> Result<FromWorker, Box<dyn Error>> {
        loop {
            if let Some(message) = decoder.next()? {
                return Ok(message);
            }
            let read = from_worker.read(&mut bytes)?;
            if read == 0 {
                decoder.finish()?;
                return Err("the worker is gone".into());
            }
            decoder.push(&bytes[..read]);
        }
    };
    let FromWorker::Hello {
        procs, functions, ..
    } = next(&mut decoder)?
    else {
        return Err("no hello".into());
    };
    println!("a worker with {procs} proc and the functions {functions:?}");

    // Ours are the welcome and two calls of its first function, both at once.
    let mut frames = Vec::new();
    encode(&ToWorker::Welcome { silence_ms: 60_000 }, &mut frames)?;
    for (call, x) in [(1, 2.0f64), (2, -2.0)] {
        encode(
            &ToWorker::Call {
                call,
                function: 0,
                args: x.to_le_bytes().to_vec(),
            },
            &mut frames,
        )?;
    }
    to_worker.write_all(&frames)?;
    for _ in 0..2 {
        match next(&mut decoder)? {
            // A number is eight bytes, little endian, in postcard.
            FromWorker::Reply {
                call,
                result: Ok(root),
            } => {
                println!(
                    "call {call}: {}",
                    f64::from_le_bytes(root.as_slice().try_into()?)
                );
            }
            FromWorker::Reply {
                call,
                result: Err(failure),
            } => println!("call {call} failed: {failure}"),
            message => println!("{message:?}"),
        }
    }

    frames.clear();
    encode(&ToWorker::Goodbye, &mut frames)?;
    to_worker.write_all(&frames)?;
    println!("it says {:?}, and {}", next(&mut decoder)?, worker.wait()?);
    Ok(())
}
