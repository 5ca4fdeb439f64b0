//! A worker for the tests: a registry of functions, and ways to break the protocol on demand.
//!
//! `test-worker PROCS MACHINE MARK MODE [ARGUMENT]`. Machine m0 does what the mode says, all others serve as they should,
//! so that a test sees a machine replaced; with `always-` before the mode all do it. The mark is for the list of processes.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::process::{Command, Stdio, exit};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use remuda_worker::session::Key;
use remuda_worker::wire::{
    Decoder, FromWorker, MAX_CHUNK, MAX_FRAME, Stream, ToWorker, VERSION, encode, hello_preamble,
};
use remuda_worker::{Connect, Context, Registry, Worker, names};

/// No process of a test lives longer, whatever goes wrong.
const LIFETIME: Duration = Duration::from_secs(90);

static DISCARDED: Mutex<Vec<u64>> = Mutex::new(Vec::new());
static MEETING: AtomicU32 = AtomicU32::new(0);

fn registry() -> Registry {
    Registry::new()
        .function("square", |x: u64| {
            x.checked_mul(x)
                .ok_or_else(|| format!("{x} squared is too large"))
        })
        .function("fail", |text: String| Err::<(), _>(text))
        .function("panic", |text: String| -> Result<(), String> {
            panic!("{text}")
        })
        .function("zeros", |length: usize| Ok::<_, String>(vec![0_u8; length]))
        .function_with("sleep", sleep)
        .function_with("print", print)
        .function_with("trickle", |context, length: u64| {
            let mut stdout = context.stdout();
            (0..length).try_for_each(|n| stdout.write_all(&[(n % 251) as u8]))
        })
        .function_with("both", |context, lines: u32| {
            (0..lines).try_for_each(|n| {
                writeln!(context.stdout(), "out {n}")?;
                writeln!(context.stderr(), "err {n}")
            })
        })
        .function_with("swallow", |context, (bytes, length): (Vec<u8>, u64)| {
            print(context, length)?;
            Ok::<_, io::Error>(bytes.len())
        })
        .function("meet", |guests: u32| {
            MEETING.fetch_add(1, Ordering::SeqCst);
            let deadline = Instant::now() + Duration::from_secs(30);
            while MEETING.load(Ordering::SeqCst) < guests {
                if Instant::now() > deadline {
                    return Err("the others did not come");
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        })
        .function_with("count", |context, (name, n): (String, i64)| {
            context.counter(&name).add(n);
            Ok::<_, String>(())
        })
        .function("complain", |length: usize| {
            io::stderr().write_all(&vec![b'x'; length])?;
            io::stderr().write_all(b" and that is all")
        })
        .function("discarded", |(): ()| {
            Ok::<_, String>(DISCARDED.lock().expect("nobody panics here").clone())
        })
        .exec()
        .on_discard(|task| {
            DISCARDED.lock().expect("nobody panics here").push(task);
            Err("a failed discard is only logged".into())
        })
}

/// Sleeps so many milliseconds, or until it is cancelled if it heeds that.
fn sleep(context: &Context, (millis, heeds): (u64, bool)) -> Result<u64, String> {
    context.counter("sleepers").add(1);
    let end = Instant::now() + Duration::from_millis(millis);
    while Instant::now() < end {
        if heeds && context.is_cancelled() {
            return Err("it was woken".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(millis)
}

/// Prints bytes by which a test can see that they come in order.
fn print(context: &Context, length: u64) -> io::Result<()> {
    const PERIOD: usize = 251;
    let pattern: Vec<u8> = (0..PERIOD * 1024).map(|n| (n % PERIOD) as u8).collect();
    let mut left = length;
    let mut stdout = context.stdout();
    while left > 0 {
        let piece = pattern
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        stdout.write_all(&pattern[..piece])?;
        left -= piece as u64;
    }
    Ok(())
}

fn main() {
    remuda_worker::init();
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    let procs: u32 = next().parse().expect("procs");
    let (machine, mark, mode, argument) = (next(), next(), next(), next());
    let number = || argument.parse::<usize>().expect("a number");
    let mode = match mode.strip_prefix("always-") {
        Some(mode) => mode,
        None if machine == "m0" || mode == "connect" => mode.as_str(),
        None => "serve",
    };
    match mode {
        "serve" => {}
        "connect" => connect(procs, &machine, &argument),
        "banner" => io::stdout()
            .write_all(&vec![b'b'; number()])
            .expect("the driver reads"),
        "stderr" => io::stderr()
            .write_all(&vec![b'x'; number()])
            .expect("the driver reads"),
        "fewer" => Worker::new(registry()).procs(procs - 1).serve(),
        "others" => {
            let others = Registry::new().function("cube", |x: u64| Ok::<_, String>(x * x * x));
            Worker::new(others.exec()).procs(procs).serve()
        }
        _ => misbehave(procs, mode, &argument, &mark),
    }
    Worker::new(registry()).procs(procs).serve()
}

/// Connects back. The argument is an address, a key file, for how many milliseconds to come back, and a kind perhaps.
fn connect(procs: u32, machine: &str, argument: &str) -> ! {
    let mut words = argument.split(' ');
    let mut next = || words.next().expect("a word");
    let (address, key, millis) = (next(), next(), next().parse().expect("a number"));
    let key = Key::read(key.as_ref()).expect("a key");
    let mut connect = Connect::new(address, key).reconnect(Duration::from_millis(millis));
    if let Some(number) = machine.strip_prefix('m') {
        connect = connect.machine(number.parse().expect("a number"));
    }
    if let Some(kind) = words.next() {
        connect = connect.kind(kind);
    }
    Worker::new(registry()).procs(procs).connect(connect)
}

/// What a program does that is no proper worker.
fn misbehave(procs: u32, mode: &str, argument: &str, mark: &str) -> ! {
    let mut raw = Raw::new();
    let too_long = u32::try_from(MAX_FRAME + 1).expect("small").to_le_bytes();
    match mode {
        "exit" => {
            eprintln!("cannot find the moon");
            exit(argument.parse().expect("a code"))
        }
        "mute" => {
            raw.bytes(b"Password: ");
            idle()
        }
        "noise" => {
            raw.bytes("one line of noise\n".repeat(10_000).as_bytes());
            idle()
        }
        "version" => {
            let mut preamble = hello_preamble();
            preamble[8..].copy_from_slice(&(VERSION + 1).to_le_bytes());
            raw.bytes(&preamble);
            idle()
        }
        "no-hello" => {
            raw.bytes(&hello_preamble());
            raw.say(&FromWorker::Goodbye);
            idle()
        }
        "long-hello" => {
            raw.bytes(&hello_preamble());
            raw.bytes(&too_long);
            idle()
        }
        "half-hello" => {
            raw.bytes(&hello_preamble());
            raw.bytes(&[200, 0, 0, 0, 1]);
            exit(0)
        }
        _ => {}
    }
    raw.bytes(&hello_preamble());
    if mode == "many-names" {
        raw.say(&FromWorker::Hello {
            procs,
            memory_mib: 0,
            gpus: 0,
            functions: vec!["x".into(); 500_000],
        });
        idle()
    }
    raw.say(&FromWorker::Hello {
        procs,
        memory_mib: 0,
        gpus: 0,
        functions: names(&registry()),
    });
    match mode {
        "garbage" => raw.bytes(b"GET / HTTP/1.1\r\n\r\n"),
        "malformed" => raw.bytes(&[2, 0, 0, 0, 99, 99, b'\n']),
        "long-frame" => raw.bytes(&too_long),
        "half-frame" => {
            raw.bytes(&[200, 0, 0, 0, 1]);
            exit(0)
        }
        "two-hellos" => raw.say(&FromWorker::Hello {
            procs,
            memory_mib: 0,
            gpus: 0,
            functions: names(&registry()),
        }),
        "wrong-reply" => raw.say(&FromWorker::Reply {
            call: 999,
            result: Ok(Vec::new()),
        }),
        "wrong-output" => raw.output(999, 1),
        "flood" => {
            let call = raw.call();
            (0..64).for_each(|_| raw.output(call, MAX_CHUNK));
        }
        "empty-chunks" => {
            let call = raw.call();
            raw.output(call, 0);
        }
        "big-chunk" => {
            let call = raw.call();
            raw.output(call, MAX_CHUNK + 1);
        }
        "die" => {
            eprintln!("these are my last words");
            exit(7)
        }
        "linger" => {
            raw.call();
            let mut holder = Command::new("sh");
            holder.args(["-c", "sleep 1; exit 0", mark]);
            let holder = holder.stderr(Stdio::null()).spawn();
            holder.expect("there is a shell");
            exit(0)
        }
        "close" => {
            let null = File::create("/dev/null").expect("it is there");
            rustix::stdio::dup2_stdout(null).expect("a descriptor");
        }
        "hold" => {
            // One that left the group and the session, with all three pipes.
            let escaped = Command::new("setsid").args(["sleep", mark]).spawn();
            escaped.expect("there is setsid");
            exit(0)
        }
        "deaf" => {}
        other => panic!("no mode {other:?}"),
    }
    idle()
}

/// Lives on, deaf to everything.
fn idle() -> ! {
    std::thread::sleep(LIFETIME);
    exit(1)
}

/// The wire, spoken by hand.
struct Raw {
    decoder: Decoder<ToWorker>,
}

impl Raw {
    fn new() -> Raw {
        Raw {
            decoder: Decoder::new(),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        // The driver may have seen enough already.
        let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
    }

    fn say(&mut self, message: &FromWorker) {
        let mut frame = Vec::new();
        encode(message, &mut frame).expect("small");
        self.bytes(&frame);
    }

    fn output(&mut self, call: u64, length: usize) {
        self.say(&FromWorker::Output {
            call,
            stream: Stream::Stdout,
            bytes: vec![7; length],
        });
    }

    /// Waits for a call; its number.
    fn call(&mut self) -> u64 {
        let mut buffer = [0; 4096];
        loop {
            match self.decoder.next().expect("the driver's frames are good") {
                Some(ToWorker::Call { call, .. }) => return call,
                Some(_) => {}
                None => match io::stdin().read(&mut buffer).expect("a pipe") {
                    0 => exit(1),
                    n => self.decoder.push(&buffer[..n]),
                },
            }
        }
    }
}
