//! Peers that mean harm: whatever they send, and in whatever numbers, nobody without the key is answered, memory and
//! descriptors are bounded, and workers are served meanwhile.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use remuda_driver::{Key, Listen, Runtime};
use remuda_tests::{eventually, on_both_adapters, within};
use remuda_worker::session::{
    HANDSHAKE, Initiator, Open, Opener, Purpose, Record, Sealer, SessionId,
};
use remuda_worker::wire::hello_preamble;

use crate::support::{
    Joined, KeyFile, await_nothing, cluster, joining, listen, loopback, mark, procs,
};

const RECONNECT: Duration = Duration::from_secs(20);

/// Runs what blocks on a thread of its own.
async fn apart<R: Runtime, T: Send + 'static>(
    runtime: &R,
    what: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (sender, done) = oneshot::channel();
    thread::spawn(move || drop(sender.send(run())));
    within(runtime, what, done)
        .await
        .expect("it does not panic")
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).expect("a socket");
    stream
}

/// How many bytes the driver answers before it closes the connection.
fn answered(stream: &mut TcpStream) -> usize {
    let (mut bytes, mut buffer) = (0, [0; 1024]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return bytes,
            Ok(read) => bytes += read,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("neither an answer nor an end: {error}"),
        }
    }
}

/// A connection with the right key, up to its handshake.
fn shake_hands(stream: &mut TcpStream, key: &Key) -> (Sealer, Opener, [u8; HANDSHAKE]) {
    let mut initiator = Initiator::new(key).expect("random bytes");
    let first = initiator.start().expect("random bytes");
    stream.write_all(&first).expect("it listens");
    let mut answer = [0; HANDSHAKE];
    stream.read_exact(&mut answer).expect("an answer");
    let (sealer, opener) = initiator.finish(&answer).expect("the key is the same");
    (sealer, opener, first)
}

async fn nobody_without_the_key_is_answered<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let listener = Listen::new(key.key.clone()).handshake_timeout(Duration::from_secs(60));
    let listener = listener.bind(&runtime, loopback()).expect("a free port");
    let cluster = cluster(&runtime, &listener, joining());
    let address = listener.address();
    let other = Key::generate().expect("random bytes");
    let mut handshake = Initiator::new(&other).expect("random bytes");
    let wrong_key = handshake.start().expect("random bytes").to_vec();
    let mut oversized = vec![0xff; 100_000];
    oversized[1] = 0xfe;
    let peers: [(&str, Vec<u8>); 5] = [
        ("the wrong key", wrong_key),
        (
            "another protocol",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        ),
        ("frames before the handshake", hello_preamble().to_vec()),
        ("an oversized record", oversized),
        ("no length", vec![0; 64]),
    ];
    for (what, bytes) in peers {
        let begun = Instant::now();
        let bytes = apart(&runtime, what, move || {
            let mut stream = connect(address);
            // It may be closed before all is written.
            let _ = stream.write_all(&bytes);
            answered(&mut stream)
        });
        assert_eq!(bytes.await, 0, "{what}");
        assert!(
            begun.elapsed() < Duration::from_secs(19),
            "{what}: closed at once"
        );
    }
    // One with the right key is served all the same.
    let worker = Joined::start(&mark, address, &key, RECONNECT, "");
    let lease = cluster.request(procs(1)).await.expect("a lease");
    assert_eq!(lease.call::<_, u64>("square", &5_u64).await, Ok(25));
    drop(lease);
    cluster.shutdown().await;
    drop(worker);
    await_nothing(&runtime, &mark).await;
}

async fn a_replayed_handshake_is_not_answered<R: Runtime>(runtime: R) {
    let key = KeyFile::new();
    let listener = listen(&runtime, &key);
    let address = listener.address();
    let secret = key.key.clone();
    let recorded = apart(&runtime, "a handshake", move || {
        let mut stream = connect(address);
        let (mut sealer, _, first) = shake_hands(&mut stream, &secret);
        let mut bytes = first.to_vec();
        let session = SessionId::random().expect("random bytes");
        let purpose = Purpose::Ended;
        sealer.seal(&Record::Open(Open { session, purpose }), &mut bytes);
        stream.write_all(&bytes[HANDSHAKE..]).expect("it listens");
        assert!(answered(&mut stream) > 0, "the first time it is");
        bytes
    })
    .await;
    let replayed = apart(&runtime, "the same again", move || {
        let mut stream = connect(address);
        let _ = stream.write_all(&recorded);
        answered(&mut stream)
    });
    assert_eq!(replayed.await, 0);
}

async fn half_a_handshake_and_slow_bytes_are_closed_in_time<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let listener = Listen::new(key.key.clone()).handshake_timeout(Duration::from_millis(500));
    let listener = listener.bind(&runtime, loopback()).expect("a free port");
    let cluster = cluster(&runtime, &listener, joining());
    let address = listener.address();
    let first = Initiator::new(&key.key).and_then(|mut initiator| initiator.start());
    let first = first.expect("random bytes");
    let half = apart(&runtime, "half a handshake", move || {
        let mut stream = connect(address);
        stream
            .write_all(&first[..HANDSHAKE / 2])
            .expect("it listens");
        answered(&mut stream)
    });
    let slow = apart(&runtime, "slow bytes", move || {
        let mut stream = connect(address);
        let begun = Instant::now();
        // A byte now and then, which is never nothing for long.
        for byte in first {
            if stream.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        (answered(&mut stream), begun.elapsed())
    });
    let secret = key.key.clone();
    let silent = apart(&runtime, "no first record", move || {
        let mut stream = connect(address);
        shake_hands(&mut stream, &secret);
        answered(&mut stream)
    });
    assert_eq!(half.await, 0);
    assert_eq!(slow.await.0, 0);
    assert_eq!(silent.await, 0);
    let worker = Joined::start(&mark, address, &key, RECONNECT, "");
    let lease = cluster.request(procs(1)).await.expect("a lease");
    drop(lease);
    cluster.shutdown().await;
    drop(worker);
    await_nothing(&runtime, &mark).await;
}

/// How many accepted connections to this port have a descriptor. (Those of this process are no measure: other tests run in it.)
fn accepted(port: u16) -> usize {
    let (here, established) = (format!(":{port:04X}"), "01");
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("a list");
    let has_descriptor = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[1].ends_with(&here) && fields[3] == established && fields[9] != "0"
    };
    table.lines().skip(1).filter(has_descriptor).count()
}

async fn very_many_connections_cost_few_descriptors_and_workers_are_served<R: Runtime>(runtime: R) {
    const CLIENTS: usize = 150;
    const UNFINISHED: usize = 50;
    let (mark, key) = (mark(), KeyFile::new());
    let listener = Listen::new(key.key.clone())
        .unfinished(UNFINISHED)
        .handshake_timeout(Duration::from_secs(600));
    let listener = listener.bind(&runtime, loopback()).expect("a free port");
    let cluster = cluster(&runtime, &listener, joining());
    let address = listener.address();
    let clients = apart(&runtime, "many connections", move || {
        (0..CLIENTS).map(|_| connect(address)).collect::<Vec<_>>()
    });
    let clients = clients.await;
    let worker = Joined::start(&mark, address, &key, RECONNECT, "");
    let lease = within(&runtime, "a lease", cluster.request(procs(1)))
        .await
        .expect("a lease");
    assert_eq!(lease.call::<_, u64>("square", &5_u64).await, Ok(25));
    // All clients came before the worker, so all were accepted, and the oldest are closed.
    let (now, most) = (accepted(address.port()), UNFINISHED + 1);
    assert!(now <= most, "{now} descriptors, at most {most}");
    let closed = |stream: &TcpStream| {
        let mut byte = [0];
        stream.set_nonblocking(true).expect("a socket");
        matches!((&mut &*stream).read(&mut byte), Ok(0))
    };
    eventually(&runtime, "the oldest are closed", || {
        clients.iter().filter(|stream| closed(stream)).count() >= CLIENTS - UNFINISHED
    })
    .await;
    drop((clients, lease));
    cluster.shutdown().await;
    drop(worker);
    await_nothing(&runtime, &mark).await;
}

/// Who has the key is trusted, but not to be right: what breaks the protocol costs its own machine.
async fn a_key_holder_that_talks_nonsense_costs_its_own_session<R: Runtime>(runtime: R) {
    let (mark, key) = (mark(), KeyFile::new());
    let listener = listen(&runtime, &key);
    let cluster = cluster(&runtime, &listener, joining());
    let address = listener.address();
    let (secret, ended) = (key.key.clone(), "the connection ends");
    let oversized = apart(&runtime, ended, move || {
        let mut stream = connect(address);
        shake_hands(&mut stream, &secret);
        let _ = stream.write_all(&[0xff; 100_000]);
        answered(&mut stream)
    });
    assert_eq!(oversized.await, 0);
    let secret = key.key.clone();
    let reason = apart(&runtime, ended, move || {
        let mut stream = connect(address);
        let (mut sealer, mut opener, _) = shake_hands(&mut stream, &secret);
        let session = SessionId::random().expect("random bytes");
        let purpose = Purpose::Begin {
            machine: None,
            kind: None,
            reconnect_ms: 100,
        };
        let mut bytes = Vec::new();
        sealer.seal(&Record::Open(Open { session, purpose }), &mut bytes);
        let nonsense = b"this is no hello, whoever reads it".repeat(100);
        let data = Record::Data {
            acknowledged: 0,
            time: 0,
            bytes: &nonsense,
        };
        for _ in 0..40 {
            sealer.seal(&data, &mut bytes);
        }
        stream.write_all(&bytes).expect("it listens");
        let mut buffer = [0; 4096];
        loop {
            match opener.next().expect("good records") {
                Some(Record::Refuse { reason }) => return reason,
                Some(_) => {}
                None => match stream.read(&mut buffer).expect("an answer") {
                    0 => panic!("no reason was given"),
                    read => opener.push(&buffer[..read]),
                },
            }
        }
    });
    let reason = reason.await;
    assert!(
        reason.contains("no worker's hello in the first"),
        "{reason}"
    );
    assert_eq!(cluster.counts().machines.ok, 0);
    let worker = Joined::start(&mark, address, &key, RECONNECT, "");
    drop(cluster.request(procs(1)).await.expect("a lease"));
    cluster.shutdown().await;
    drop(worker);
    await_nothing(&runtime, &mark).await;
}

async fn a_worker_with_another_key_says_what_may_be_wrong<R: Runtime>(runtime: R) {
    let (mark, key, other) = (mark(), KeyFile::new(), KeyFile::new());
    let listener = listen(&runtime, &key);
    let worker = Joined::start(
        &mark,
        listener.address(),
        &other,
        Duration::from_secs(1),
        "",
    );
    let said = worker.said(&runtime).await;
    let expected = format!(
        "cannot connect to the driver at {}: it closed the connection without an answer (is its key the same?)",
        listener.address()
    );
    assert!(said.contains(&expected), "{said}");
}

on_both_adapters!(
    nobody_without_the_key_is_answered,
    a_replayed_handshake_is_not_answered,
    half_a_handshake_and_slow_bytes_are_closed_in_time,
    very_many_connections_cost_few_descriptors_and_workers_are_served,
    a_key_holder_that_talks_nonsense_costs_its_own_session,
    a_worker_with_another_key_says_what_may_be_wrong,
);
