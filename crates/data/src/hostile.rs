//! Bytes that were damaged anywhere are an error or a table, and never a panic.

use kernels::random::Stream;

use crate::columns::{TableOptions, TableSource};
use crate::readers::csv::CsvFile;
use crate::readers::npy::ArrayTable;
use crate::readers::npy::testing::{f64s, npy};
use crate::readers::npz;
use crate::readers::pictures::DecodedPicture;
use crate::readers::pictures::testing::{jpeg, png};
use crate::{DataError, TableReport, zip};

/// Damaged forms of each input.
const FORMS: usize = 1500;

/// Looks at the bytes, and reads all rows if they are a table.
fn read(source: Result<impl TableSource, DataError>) -> bool {
    source.is_ok_and(|source| TableReport::of(&source).is_ok())
}

/// Calls `read` with damaged forms of an input: some bytes are others, some are repeated, some are gone. `likely` are
/// bytes that mean something in its format. Returns how many could be read.
fn damage(whole: &[u8], likely: &[u8], read: impl Fn(&[u8]) -> bool) -> usize {
    let mut random = Stream::new(17, 0);
    let mut damaged = || {
        let mut bytes = whole.to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            let end = (at + 1 + random.below(8) as usize).min(bytes.len());
            match random.below(5) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = likely[random.below(likely.len() as u64) as usize],
                2 => bytes.extend_from_within(at..end),
                3 if bytes.len() > end - at => drop(bytes.drain(at..end)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        bytes
    };
    (0..FORMS).filter(|_| read(&damaged())).count()
}

#[test]
fn damaged_tables_as_text_are_read_or_refused() {
    let options = TableOptions { skip_bad_rows: true, ..TableOptions::default() };
    let text = "\u{feff}id;date;x;y\r\n1;2024-01-31;1.000,5;\"a \"\"b\"\"\"\r\n2;31.12.2023;?;c\r\n# end\r\n3;;−7;c\r\n";
    let csv = |bytes: &[u8]| read(CsvFile::from_bytes("t", bytes, &options));
    let likely = b"\";,\t|\r\n#0179.-+eE?:TZ \0\xff\xfe\xef\x80";
    assert!(damage(text.as_bytes(), likely, csv) > FORMS / 2);
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    damage(&wide, likely, csv);
}

#[test]
fn damaged_arrays_and_archives_are_read_or_refused() {
    let options = TableOptions::default();
    let x = npy("<f8", true, "(4, 3)", &f64s(&[0.5; 12]));
    let y = npy("|u1", false, "(4,)", &[1, 2, 1, 2]);
    let likely = b"0123456789(),'<>|fiubOUS\0\xff";
    let array = |bytes: &[u8]| read(ArrayTable::from_bytes(&[("x", bytes)], &options));
    assert!(damage(&x, likely, array) > 0);
    for deflate in [false, true] {
        let archive = zip::archive(&[("x.npy", &x), ("y.npy", &y)], deflate);
        let npz = |bytes: &[u8]| read(npz::from_bytes("a", bytes, &options));
        damage(&archive, b"PK\x01\x02\x05\x06\0\xff", npz);
    }
}

#[test]
fn damaged_pictures_are_decoded_or_refused() {
    let decode = |bytes: &[u8]| {
        let decoded = DecodedPicture::decode("x", bytes);
        decoded.is_ok_and(|picture| !picture.fitted([3, 5, 3]).is_empty())
    };
    let pixels: Vec<u8> = (0..16 * 16).map(|i| (i * 31 % 251) as u8).collect();
    let likely = b"\0\x01\x02\x08\x10\xc0\xc4\xd8\xd9\xda\xff";
    assert!(damage(&jpeg([16, 16], &[&pixels], Some(6)), likely, decode) > 0);
    damage(&jpeg([16, 16], &[&pixels[..]; 3], None), likely, decode);
    let png = png([16, 16], ::png::ColorType::Grayscale, ::png::BitDepth::Eight, &pixels, |_| {});
    damage(&png, likely, decode);
}
