//! mp4parse 0.17, Mozilla's parser of MP4 metadata, written against fallible_collections so that a hostile file cannot abort a
//! browser by the sizes that it claims.
//!
//! The crate ships no MP4 file, so `movie` writes one, byte by byte after ISO/IEC 14496-12: `ftyp`, then a `moov` with a header,
//! a video track with an edit list, an AVC description and all the tables of samples, an audio track with an Opus description,
//! and a title and an artist in the user data. Tracks and tags are checked after parsing, so every box really is read.
//!
//! Expected: `Err` at each point, once. What is found in addition:
//! - an error in the user data is not fatal to the parser, and it does not tell a damaged tag from a lack of memory: failures
//!   in there come back as `Ok`, with the tags missing;
//! - a box that is read as a whole goes through `read_into_try_vec`, whose error is a boxed text: with memory gone for good it
//!   aborts, and when it comes back, it is `Error::Io` and not the `Error::OutOfMemory` that all others are.

use std::hint::black_box;

use mp4parse::{CodecType, Error, MediaContext, SampleEntry, Track, TrackType, read_mp4};
use oomsweep::{Faults, Sweep, exempt};

use crate::expect;

/// A movie with its metadata only: no sample of it exists.
fn movie(with_tags: bool) -> Vec<u8> {
    let mut moov = vec![mvhd(), video_track(), audio_track()];
    if with_tags {
        moov.push(tags());
    }
    [container(b"ftyp", &[b"isom", &be(0x200), b"isom", b"avc1"]), concat(b"moov", &moov)].concat()
}

/// A box: its size, its name, its content.
fn container(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&be(8 + content.len() as u32), name.as_slice(), &content].concat()
}

/// A box of boxes.
fn concat(name: &[u8; 4], boxes: &[Vec<u8>]) -> Vec<u8> {
    container(name, &[&boxes.concat()])
}

/// A box with version and flags, both 0, and numbers of four bytes: the form of every table of samples.
fn table(name: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
    let content: Vec<u8> = numbers.iter().flat_map(|n| be(*n)).collect();
    container(name, &[&be(0), &content])
}

fn be(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

/// 100 s at a time scale of 1000; two dates before and 80 bytes of rate, volume and matrix after are skipped.
fn mvhd() -> Vec<u8> {
    container(b"mvhd", &[&be(0), &[0; 8], &be(1000), &be(100_000), &[0; 80]])
}

fn tkhd(id: u32) -> Vec<u8> {
    let matrix = [0; 36];
    container(
        b"tkhd",
        &[&be(3), &[0; 8], &be(id), &be(0), &be(100_000), &[0; 16], &matrix, &be(320 << 16), &be(240 << 16)],
    )
}

fn mdhd() -> Vec<u8> {
    container(b"mdhd", &[&be(0), &[0; 8], &be(90_000), &be(9_000_000), &[0; 4]])
}

fn hdlr(kind: &[u8; 4]) -> Vec<u8> {
    container(b"hdlr", &[&be(0), &be(0), kind, &[0; 12], b"a handler\0"])
}

/// A track of one description and five samples in two chunks.
fn track(id: u32, kind: &[u8; 4], edits: Option<Vec<u8>>, description: Vec<u8>) -> Vec<u8> {
    let tables = vec![
        container(b"stsd", &[&be(0), &be(1), &description]),
        table(b"stts", &[1, 5, 3000]),
        table(b"stsc", &[2, 1, 3, 1, 2, 2, 1]),
        table(b"stsz", &[0, 5, 100, 101, 102, 103, 104]),
        table(b"stco", &[2, 4096, 8192]),
        table(b"stss", &[1, 1]),
        table(b"ctts", &[1, 5, 0]),
    ];
    let mdia = vec![mdhd(), hdlr(kind), concat(b"minf", &[concat(b"stbl", &tables)])];
    let mut boxes = vec![tkhd(id)];
    boxes.extend(edits);
    boxes.push(concat(b"mdia", &mdia));
    concat(b"trak", &boxes)
}

fn video_track() -> Vec<u8> {
    let edits = concat(b"edts", &[table(b"elst", &[1, 100_000, 0, 1 << 16])]);
    let avcc = container(b"avcC", &[&[1, 66, 0, 30, 0xff, 0xe0, 0]]);
    let size = [0x01, 0x40, 0x00, 0xf0];
    let avc1 = container(b"avc1", &[&[0; 6], &[0, 1], &[0; 16], &size, &[0; 50], &avcc]);
    track(1, b"vide", Some(edits), avc1)
}

fn audio_track() -> Vec<u8> {
    let dops = container(b"dOps", &[&[0, 2, 1, 56], &be(48_000), &[0, 0, 1, 1, 1], &[0, 1]]);
    let opus = container(b"Opus", &[&[0; 6], &[0, 1], &[0; 8], &[0, 2, 0, 16], &[0; 4], &be(48_000 << 16), &dops]);
    track(2, b"soun", None, opus)
}

/// The title and the artist, in the way of iTunes.
fn tags() -> Vec<u8> {
    let tag = |name: &[u8; 4], text: &[u8]| concat(name, &[container(b"data", &[&be(1), &be(0), text])]);
    let list = concat(b"ilst", &[tag(b"\xa9nam", b"A title"), tag(b"\xa9ART", b"An artist")]);
    concat(b"udta", &[container(b"meta", &[&be(0), &list])])
}

/// What every successful parse must have found.
fn check(context: &MediaContext) {
    let samples = |track: &Track| track.stsz.as_ref().map(|sizes| sizes.sample_sizes.len());
    let found: Vec<_> = context.tracks.iter().map(|t| (&t.track_type, codec(t), samples(t))).collect();
    let wanted = [(&TrackType::Video, CodecType::H264, Some(5)), (&TrackType::Audio, CodecType::Opus, Some(5))];
    assert_eq!(found, wanted);
}

fn codec(track: &Track) -> CodecType {
    match track.stsd.as_ref().and_then(|stsd| stsd.descriptions.iter().next()) {
        Some(SampleEntry::Audio(entry)) => entry.codec_type,
        Some(SampleEntry::Video(entry)) => entry.codec_type,
        _ => CodecType::Unknown,
    }
}

/// 22 requests: the brands, and for either track the edits, the handler's name, the description and the tables. Two of them in
/// each track are whole boxes: the handler's name, and what the decoder needs to know.
#[test]
fn tracks() {
    let file = movie(false);
    let sweep = |engine| {
        Sweep::new("mp4parse::tracks").engine(engine).run(|| -> Result<(), Error> {
            let context = read_mp4(&mut file.as_slice())?;
            exempt(|| check(&context));
            black_box(&context);
            Ok(())
        })
    };
    expect(
        sweep,
        &[
            "once: 22 error",
            "persistent: 2 error, 1 abort, 1 error, 1 abort, 7 error, 1 abort, 1 error, 1 abort, 7 error",
        ],
        &["4 abort"],
    );
}

/// Who would free some memory and try again on `Error::OutOfMemory` is told something else at each whole box.
#[test]
fn out_of_memory_is_told() {
    let file = movie(false);
    let sweep = |engine| {
        Sweep::new("mp4parse::out_of_memory_is_told")
            .engine(engine)
            .faults(Faults::ONCE)
            .error_if(|error: &Error| matches!(error, Error::OutOfMemory))
            .run(|| read_mp4(&mut file.as_slice()))
    };
    expect(
        sweep,
        &[
            "once: 2 error, 1 wrong-error, 1 error, 1 wrong-error, 7 error, 1 wrong-error, 1 error, 1 wrong-error, 7 error",
        ],
        &["4 wrong-error"],
    );
}

/// Two requests for each tag, the bytes and the list that they are put in: all four are swallowed, and the tags are lost without
/// a word, unless the error's own box fails too.
#[test]
fn tags_are_swallowed() {
    let file = movie(true);
    let whole = read_mp4(&mut file.as_slice()).expect("the movie is valid");
    let tags = whole.userdata.expect("it has tags").expect("they are valid").meta.expect("they are a list");
    assert_eq!(tags.title.expect("a title"), "A title");
    assert_eq!(tags.artist.expect("an artist"), "An artist");

    let sweep = |engine| {
        Sweep::new("mp4parse::tags_are_swallowed").engine(engine).run(|| -> Result<(), Error> {
            let context = read_mp4(&mut file.as_slice())?;
            exempt(|| check(&context));
            black_box(&context);
            Ok(())
        })
    };
    expect(
        sweep,
        &[
            "once: 22 error, 4 swallowed",
            "persistent: 2 error, 1 abort, 1 error, 1 abort, 7 error, 1 abort, 1 error, 1 abort, 7 error, \
             1 abort, 1 swallowed, 1 abort, 1 swallowed",
        ],
        &["6 abort", "6 swallowed"],
    );
}

/// The error is there for who asks: it is kept beside the tracks. With that asked, a single failure is never swallowed.
#[test]
fn tags_that_are_asked_for() {
    let file = movie(true);
    let sweep = |engine| {
        Sweep::new("mp4parse::tags_that_are_asked_for").engine(engine).run(|| -> Result<(), Error> {
            let context = read_mp4(&mut file.as_slice())?;
            black_box(context.userdata.transpose()?);
            Ok(())
        })
    };
    expect(
        sweep,
        &[
            "once: 26 error",
            "persistent: 2 error, 1 abort, 1 error, 1 abort, 7 error, 1 abort, 1 error, 1 abort, 7 error, \
             1 abort, 1 error, 1 abort, 1 error",
        ],
        &["6 abort"],
    );
}
