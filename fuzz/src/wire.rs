//! Bytes as what the other side sends, cut in any way, for both ends of the worker's codec.
//!
//! The first byte says how often the last byte of the stream stands there, so that few bytes make a long frame; the next
//! three are sizes of pieces; the rest is the stream.

use remuda_worker::wire::{
    Decoder, FromWorker, MAX_BANNER, MAX_FRAME, Message, Opened, Opening, ToWorker, WireError,
    encode,
};

/// The bytes before the stream.
pub const HEAD: usize = 4;
/// The most bytes of a stream: a little more than a banner and a frame.
const LONGEST: usize = MAX_BANNER + MAX_FRAME + 4096;
/// Memory that a decoder may keep or take without having been sent as much.
const SLACK: usize = 256 * 1024;

/// Decodes the stream as a worker and as a driver, whole and in pieces.
///
/// # Panics
/// When the cuts matter, something takes more memory than was sent, or what was decoded is another thing once encoded.
pub fn run(bytes: &[u8]) {
    let Some((head, stream)) = bytes.split_first_chunk::<HEAD>() else {
        return;
    };
    let stream = stretched(stream, head[0]);
    same_for_all_cuts(&stream, &head[1..], frames::<ToWorker>);
    same_for_all_cuts(&stream, &head[1..], frames::<FromWorker>);
    same_for_all_cuts(&stream, &head[1..], opened);
}

/// What the stream is to a worker, to a driver, and to a driver that expects an opening first.
pub fn outcome(
    bytes: &[u8],
) -> Option<(Decoded<ToWorker>, Decoded<FromWorker>, Decoded<FromWorker>)> {
    let (head, stream) = bytes.split_first_chunk::<HEAD>()?;
    let stream = [stretched(stream, head[0])];
    let whole = || stream.iter().map(Vec::as_slice);
    Some((
        frames(&mut whole()),
        frames(&mut whole()),
        opened(&mut whole()),
    ))
}

/// What a stream held.
pub struct Decoded<M> {
    /// What came before a worker's preamble.
    pub banner: Vec<u8>,
    /// Its messages.
    pub messages: Vec<M>,
    /// How it ended.
    pub end: Result<(), WireError>,
}

type Pieces<'a> = dyn Iterator<Item = &'a [u8]> + 'a;

fn stretched(stream: &[u8], how_often: u8) -> Vec<u8> {
    let mut stretched = stream.to_vec();
    if let Some(last) = stream.last() {
        // A few; more than a banner may be; and, rarely for they are slow, more than a frame may be.
        let more = match how_often {
            0..=0x7f => 0,
            0x80..=0xfd => usize::from(how_often - 0x80),
            0xfe => MAX_BANNER + 20,
            0xff => LONGEST,
        };
        stretched.resize((stream.len() + more).min(LONGEST), *last);
    }
    stretched
}

fn same_for_all_cuts<M: Message>(
    stream: &[u8],
    sizes: &[u8],
    decode: fn(&mut Pieces<'_>) -> Decoded<M>,
) {
    let whole = text(decode(&mut [stream].into_iter()));
    // A long stream in longer pieces, or the fuzzer is no longer quick.
    let unit = 1 + stream.len() / 4096;
    let mut sizes = sizes.iter().map(|size| usize::from(*size) * unit).cycle();
    let mut rest = stream;
    let mut cut = core::iter::from_fn(|| {
        let size = sizes.next()?;
        let (piece, behind) = rest.split_at(size.max(1).min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    });
    assert!(text(decode(&mut cut)) == whole, "in pieces, or whole");
    let evenly = text(decode(&mut stream.chunks(unit)));
    assert!(evenly == whole, "{unit} by {unit} bytes, or whole");
}

/// What can be compared: the loads of a machine may be not a number, which equals nothing.
fn text<M: Message>(decoded: Decoded<M>) -> (Vec<u8>, Vec<u8>, Result<(), WireError>) {
    let mut frames = Vec::new();
    for message in &decoded.messages {
        encode(message, &mut frames).expect("it was encoded before");
    }
    (decoded.banner, frames, decoded.end)
}

/// A worker's stream as a driver reads it: the banner, then the frames.
fn opened(pieces: &mut Pieces<'_>) -> Decoded<FromWorker> {
    let mut opening = Opening::new();
    let end = loop {
        let Some(piece) = pieces.next() else {
            break Err(opening.finish());
        };
        match opening.push(piece) {
            Ok(None) => {
                let held = opening.banner().len();
                assert!(held < MAX_BANNER + 10, "{held} bytes held and no frame");
            }
            Ok(Some(Opened { banner, decoder })) => {
                assert!(banner.len() <= MAX_BANNER, "a banner that is too long");
                let (messages, end) = decoded(decoder, pieces);
                return Decoded {
                    banner,
                    messages,
                    end,
                };
            }
            Err(error) => break Err(error),
        }
    };
    Decoded {
        banner: Vec::new(),
        messages: Vec::new(),
        end,
    }
}

/// Frames alone.
fn frames<M: Message + PartialEq>(pieces: &mut Pieces<'_>) -> Decoded<M> {
    let (messages, end) = decoded(Decoder::new(), pieces);
    Decoded {
        banner: Vec::new(),
        messages,
        end,
    }
}

/// All that comes from a decoder, under the watch of its memory.
fn decoded<M: Message + PartialEq>(
    mut decoder: Decoder<M>,
    pieces: &mut Pieces<'_>,
) -> (Vec<M>, Result<(), WireError>) {
    let mut messages = Vec::new();
    let mut most = decoder.held();
    loop {
        match decoder.next() {
            Ok(Some(message)) => {
                encodes(&message);
                messages.push(message);
                continue;
            }
            Ok(None) => {}
            Err(error) => {
                assert_eq!(decoder.next().err().as_ref(), Some(&error), "it stays");
                assert_eq!(decoder.finish().as_ref(), Err(&error), "it stays");
                return (messages, Err(error));
            }
        }
        let held = decoder.held();
        assert!(held <= 4 + MAX_FRAME, "{held} bytes held and no frame");
        let Some(piece) = pieces.next() else {
            return (messages, decoder.finish());
        };
        most = most.max(held + piece.len());
        decoder.push(piece);
        // A vector doubles when it grows.
        let has = decoder.capacity();
        assert!(has <= 2 * most + SLACK, "{has} bytes of memory for {most}");
    }
}

/// What was decoded encodes to something that decodes to the same.
fn encodes<M: Message + PartialEq>(message: &M) {
    let mut frame = Vec::new();
    encode(message, &mut frame).expect("it came in a frame that was no shorter");
    let mut decoder = Decoder::<M>::new();
    decoder.push(&frame);
    let back = decoder.next().expect("it is a frame").expect("it is whole");
    assert_eq!(decoder.finish(), Ok(()));
    // One with a number that equals nothing, itself neither, is compared by its bytes alone.
    #[allow(clippy::eq_op)]
    let comparable = message == message;
    assert!(!comparable || back == *message, "what was read back");
    let mut again = Vec::new();
    encode(&back, &mut again).expect("it was encoded before");
    assert!(again == frame, "the frame of what was read back");
}
