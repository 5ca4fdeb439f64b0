//! The promises of `listen`, of a runtime that has it.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use futures::channel::mpsc;
use futures::io::{AsyncReadExt as _, AsyncWriteExt as _};
use futures::{FutureExt as _, StreamExt as _};
use remuda_driver::Runtime;

use super::{in_time, limit};

/// `listen` accepts each connection, says whose it is, and passes on what is sent, both ways. A runtime that does not listen
/// says so ([`Unsupported`](io::ErrorKind::Unsupported)), which is its right.
pub async fn listen_accepts_connections<R: Runtime>(runtime: R) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let mut accepts = match runtime.listen(listener) {
        Ok(accepts) => accepts,
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return,
        Err(error) => panic!("listen: {error}"),
    };
    // A future that is dropped takes no connection with it.
    assert!(
        accepts.accept().now_or_never().is_none(),
        "listen: nobody has connected"
    );
    let (peers, mut clients) = mpsc::unbounded();
    let limit = limit();
    let client = thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for n in 0..3_u8 {
            let mut stream = TcpStream::connect(address).expect("it listens");
            stream
                .set_read_timeout(Some(limit))
                .expect("a socket has one");
            let peer = stream.local_addr().expect("it is connected");
            let _ = peers.unbounded_send(peer);
            stream
                .write_all(&[n; 4])
                .expect("listen: what is sent is taken");
            let mut answer = Vec::new();
            let read = stream.read_to_end(&mut answer);
            read.expect("listen: a connection is closed when both its halves are dropped");
            assert_eq!(answer, [n + 1; 4], "listen: what is sent arrives");
        }
    });
    for n in 0..3_u8 {
        let connection = in_time("listen: a connection is accepted", accepts.accept()).await;
        let mut connection = connection.expect("listen: a connection can be accepted");
        let peer = in_time("a client connects", clients.next()).await;
        assert_eq!(
            Some(connection.peer),
            peer,
            "listen: the address of the other side"
        );
        let mut bytes = [0; 4];
        let read = in_time(
            "listen: what is sent arrives",
            connection.reader.read_exact(&mut bytes),
        );
        read.await.expect("listen: a connection can be read");
        assert_eq!(bytes, [n; 4], "listen: what is sent arrives");
        let writes = async {
            connection.writer.write_all(&[n + 1; 4]).await?;
            connection.writer.flush().await
        };
        let written = in_time("listen: what is sent is taken", writes).await;
        written.expect("listen: a connection can be written to");
    }
    if let Err(panic) = client.join() {
        std::panic::resume_unwind(panic);
    }
}
