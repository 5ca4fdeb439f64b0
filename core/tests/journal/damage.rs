//! What is cut or changed is noticed, and said where.

use remuda::journal::Error;

use crate::{offsets, read, story};

#[test]
fn a_journal_cut_anywhere_reads_to_its_last_whole_frame_and_says_where_it_is_cut() {
    let taped = story::short();
    let offsets = offsets(&taped.bytes);
    for end in 0..taped.bytes.len() {
        let (events, error) = read(&taped.bytes[..end]);
        assert!(taped.events.starts_with(&events));
        let whole = offsets.iter().rfind(|offset| **offset <= end);
        match (error, whole) {
            (None, Some(&whole)) => assert_eq!(whole, end),
            (Some(Error::Cut { offset }), Some(&whole)) => assert_eq!(offset, whole),
            // Within the header.
            (Some(Error::Cut { offset: 0 }), None) => {}
            other => panic!("cut at {end}: {other:?}"),
        }
        let before = |offset: &&usize| **offset < end.min(*whole.unwrap_or(&0));
        let frames = offsets.iter().filter(before).count();
        // One is a note, one a snapshot.
        assert!((frames.saturating_sub(2)..=frames).contains(&events.len()));
    }
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_at_its_frame_and_never_gives_another_event() {
    let taped = story::short();
    let offsets = offsets(&taped.bytes);
    for bit in 0..taped.bytes.len() * 8 {
        let mut bytes = taped.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (events, error) = read(&bytes);
        assert!(taped.events.starts_with(&events), "bit {bit}");
        let error = error.unwrap_or_else(|| panic!("bit {bit} is not noticed"));
        let frame = offsets.iter().rfind(|offset| **offset <= bit / 8);
        assert_eq!(
            error.offset(),
            frame.copied().unwrap_or(0),
            "bit {bit}: {error}"
        );
        assert!(!error.can_be_skipped(), "bit {bit}: {error}");
    }
}

#[test]
fn a_length_that_no_event_has_is_damage_and_no_cut() {
    let whole = story::short().bytes;
    let offset = whole.len();
    let with = |rest: &[u8]| read(&[&whole[..], rest].concat()).1;
    assert_eq!(with(&[1, 20, 0]), Some(Error::Cut { offset }));
    assert_eq!(with(&[1, 0xff, 0x7f]), Some(Error::Corrupt { offset }));
    assert_eq!(with(&[0x81, 0xff, 0x7f]), Some(Error::Cut { offset }));
    let most = [0x81, 0xff, 0xff, 0xff, 0x7f];
    assert_eq!(with(&most), Some(Error::Corrupt { offset }));
    // A snapshot may have any.
    let most = [0x80, 0xff, 0xff, 0xff, 0x7f];
    assert_eq!(with(&most), Some(Error::Cut { offset }));
    // A number that does not end is damage, whatever follows.
    let endless = [
        1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0,
    ];
    assert_eq!(with(&endless), Some(Error::Corrupt { offset }));
    assert_eq!(with(&[1, 0xff]), Some(Error::Cut { offset }));
}
