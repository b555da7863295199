//! A file that is cut, bent or hostile is an error, never a panic and never a huge allocation.

#![expect(clippy::expect_used, reason = "helpers of tests fail like tests")]

use std::io::Write;

use cjhirashi_e5::{E5, E5Error, Kind, Scratch};
use proptest::prelude::*;

const HIDDEN: u32 = 32;
const FEED_FORWARD: u32 = 64;
const POSITIONS: u32 = 8;

/// A whole model of one layer and a few pieces.
fn tiny() -> Vec<u8> {
    let pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", "a", "▁query", ":", "e"];
    let mut file = b"E5S1".to_vec();
    for number in [1, HIDDEN, 1, 2, FEED_FORWARD, pieces.len() as u32, POSITIONS, 2] {
        file.extend(number.to_le_bytes());
    }
    file.extend(1e-12_f32.to_le_bytes());
    for number in [32, pieces.len() as u32, 0, 2, 1, 3] {
        file.extend(number.to_le_bytes());
    }
    let bytes: Vec<u8> = pieces.concat().into_bytes();
    file.extend((bytes.len() as u64).to_le_bytes());
    let mut offset = 0_u32;
    file.extend(offset.to_le_bytes());
    for piece in pieces {
        offset += piece.len() as u32;
        file.extend(offset.to_le_bytes());
    }
    for n in 0..pieces.len() {
        file.extend((-(n as f32)).to_le_bytes());
    }
    file.extend(bytes);
    // One rule: a line's end becomes a space.
    file.extend(1_u32.to_le_bytes());
    file.extend(9_u32.to_le_bytes());
    file.extend(10_u32.to_le_bytes());
    file.push(1);
    file.extend(32_u32.to_le_bytes());

    let (hidden, inside) = (HIDDEN as usize, FEED_FORWARD as usize);
    let mut tensors: Vec<(String, bool, usize)> = vec![
        ("emb.word".into(), true, pieces.len() * hidden),
        ("emb.pos".into(), false, POSITIONS as usize * hidden),
        ("emb.type".into(), false, 2 * hidden),
        ("emb.ln.w".into(), false, hidden),
        ("emb.ln.b".into(), false, hidden),
    ];
    for (name, rows, columns) in [
        ("q", hidden, hidden),
        ("k", hidden, hidden),
        ("v", hidden, hidden),
        ("ao", hidden, hidden),
        ("fi", inside, hidden),
        ("fo", hidden, inside),
    ] {
        tensors.push((format!("l0.{name}.w"), true, rows * columns));
        tensors.push((format!("l0.{name}.b"), false, rows));
    }
    for name in ["aln.w", "aln.b", "oln.w", "oln.b"] {
        tensors.push((format!("l0.{name}"), false, hidden));
    }
    let directory: usize = 4 + tensors.iter().map(|(name, ..)| 2 + name.len() + 1 + 4 + 16).sum::<usize>();
    let mut at = (file.len() + directory) as u64;
    file.extend((tensors.len() as u32).to_le_bytes());
    let mut data = Vec::new();
    for (n, (name, packed, values)) in tensors.iter().enumerate() {
        let bytes = if *packed { values / 32 * 18 } else { values * 4 };
        file.extend((name.len() as u16).to_le_bytes());
        file.extend(name.as_bytes());
        file.push(u8::from(*packed));
        file.extend((*values as u32).to_le_bytes());
        file.extend(at.to_le_bytes());
        file.extend((bytes as u64).to_le_bytes());
        at += bytes as u64;
        for value in 0..values / if *packed { 32 } else { 1 } {
            if *packed {
                // A scale of 1/16 and sixteen pairs of weights.
                data.extend(0x2c00_u16.to_le_bytes());
                data.extend((0..16).map(|byte| (value * 37 + byte * 11 + n) as u8));
            } else {
                data.extend((((value * 7 + n) % 13) as f32 / 13.0).to_le_bytes());
            }
        }
    }
    file.extend(data);
    file
}

/// Loads the bytes as a model and embeds a text longer than its window.
fn load_and_embed(bytes: &[u8]) -> Result<Vec<f32>, E5Error> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("bytes");
    let model = E5::open(file.path())?;
    model.embed("a e\na b c d e f a\0 e a", Kind::Query, &mut Scratch::default())
}

#[test]
fn a_small_whole_model_is_read_and_gives_a_vector_of_length_one() {
    let vector = load_and_embed(&tiny()).expect("a vector");
    assert_eq!(vector.len(), HIDDEN as usize);
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    assert!((length - 1.0).abs() < 1e-5);
}

#[test]
fn a_missing_file_is_told_as_such() {
    let missing = E5::open(std::path::Path::new("/nowhere/model.bin")).map(|_| ());
    assert!(matches!(missing, Err(E5Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = tiny();
    for length in (0..whole.len()).step_by(7) {
        assert!(load_and_embed(&whole[..length]).is_err(), "cut at {length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_bent_file_never_panics(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = tiny();
        for (place, value) in changes {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        let _ = load_and_embed(&bytes);
    }

    #[test]
    fn a_bent_header_never_panics(at in 0_usize..80, value in any::<[u8; 4]>()) {
        let mut bytes = tiny();
        bytes[at..at + 4].copy_from_slice(&value);
        let _ = load_and_embed(&bytes);
    }
}
