//! How many jobs a second one worker runs: ten thousand times `true`, two at a time, in this program as its own worker, and the
//! same by `xargs -P2 -n1 true`.
//!
//! `cargo run --release -p remuda-worker --example throughput [COUNT]`

use remuda_worker::wire::{FromWorker, Opening, ToWorker, encode};
use remuda_worker::{Exec, Registry, Worker};
use std::error::Error;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Jobs at a time.
const IN_FLIGHT: u64 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("worker") {
        Worker::new(Registry::new().exec()).serve();
    }
    let count = argument.map_or(Ok(10_000), |count| count.parse())?;
    for _ in 0..3 {
        let (xargs, worker) = (by_xargs(count)?, by_worker(count)?);
        let ratio = worker.as_secs_f64() / xargs.as_secs_f64();
        println!("{count} jobs: xargs {xargs:.2?}, worker {worker:.2?}, ratio {ratio:.2}");
    }
    Ok(())
}

fn by_xargs(count: u64) -> Result<Duration, Box<dyn Error>> {
    let begun = Instant::now();
    let status = Command::new("sh")
        .args(["-c", "seq \"$1\" | xargs -P2 -n1 true", "sh"])
        .arg(count.to_string())
        .status()?;
    if status.success() {
        Ok(begun.elapsed())
    } else {
        Err("xargs fails".into())
    }
}

fn by_worker(count: u64) -> Result<Duration, Box<dyn Error>> {
    let begun = Instant::now();
    let mut worker = Command::new(std::env::current_exe()?)
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut to_worker = worker.stdin.take().ok_or("it was asked for")?;
    let mut from_worker = worker.stdout.take().ok_or("it was asked for")?;
    let mut call = |call: u64| -> Result<(), Box<dyn Error>> {
        let args = postcard::to_allocvec(&Exec::shell("true"))?;
        let mut frame = Vec::new();
        encode(
            &ToWorker::Call {
                call,
                function: 0,
                args,
            },
            &mut frame,
        )?;
        Ok(to_worker.write_all(&frame)?)
    };
    for first in 0..IN_FLIGHT.min(count) {
        call(first)?;
    }
    let mut started = IN_FLIGHT.min(count);
    let mut ended = 0;
    let mut bytes = [0; 4096];
    let mut opening = Opening::new();
    let mut decoder = None;
    while ended < count {
        let read = from_worker.read(&mut bytes)?;
        if read == 0 {
            return Err("the worker is gone".into());
        }
        match &mut decoder {
            None => decoder = opening.push(&bytes[..read])?.map(|opened| opened.decoder),
            Some(decoder) => decoder.push(&bytes[..read]),
        }
        let Some(decoder) = &mut decoder else {
            continue;
        };
        while let Some(message) = decoder.next()? {
            let FromWorker::Reply { result, .. } = message else {
                continue;
            };
            result?;
            ended += 1;
            if started < count {
                call(started)?;
                started += 1;
            }
        }
    }
    let elapsed = begun.elapsed();
    worker.kill()?;
    worker.wait()?;
    Ok(elapsed)
}
