//! How text is stored as bytes.

use std::io::{self, Read};

use crate::DataFault;
use crate::columns::Encoding;

/// The characters of the bytes 0x80 to 0x9f; the others are those of Latin-1. Unused bytes are control characters.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Bytes at the beginning of files that are not text, with what they are.
const FOREIGN: [(&[u8], &str); 9] = [
    (
        b"PK\x03\x04",
        "a ZIP archive without arrays or pictures, or a workbook of a spreadsheet program: save the sheet as CSV",
    ),
    (b"\xd0\xcf\x11\xe0", "an old workbook of a spreadsheet program: save the sheet as CSV"),
    (b"PAR1", "a Parquet file"),
    (b"\x93NUMPY", "a NumPy array: its name ends in .npy"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xff\xfe\0\0", "text in UTF-32: convert it by `iconv -f UTF-32 -t UTF-8`"),
];

/// The encoding of a file by its first bytes, and the length of its byte order mark.
///
/// # Errors
///
/// [`DataFault::Format`] for bytes that are not text, and for encodings that are not read.
pub(super) fn detect(start: &[u8]) -> Result<(Encoding, usize), DataFault> {
    let refuse = |found: &str| {
        Err(DataFault::Format { found: found.to_owned(), expected: "a table as text".to_owned() })
    };
    if let Some((_, found)) = FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)) {
        return refuse(found);
    }
    match start {
        [0xef, 0xbb, 0xbf, ..] => return Ok((Encoding::Utf8, 3)),
        [0xff, 0xfe, ..] => return Ok((Encoding::Utf16Le, 2)),
        [0xfe, 0xff, ..] => return Ok((Encoding::Utf16Be, 2)),
        _ => {}
    }
    let zeros = |odd: usize| start.iter().skip(odd).step_by(2).filter(|&&byte| byte == 0).count();
    let (high, low) = (zeros(0), zeros(1));
    if high + low > 0 {
        // Of text in Western languages every second byte is 0.
        let (many, few) = (start.len() / 4, start.len() / 20);
        return match [high, low] {
            [high, low] if high > many && low <= few => Ok((Encoding::Utf16Be, 0)),
            [high, low] if low > many && high <= few => Ok((Encoding::Utf16Le, 0)),
            _ => refuse("bytes that are not text"),
        };
    }
    match std::str::from_utf8(start) {
        Ok(_) => Ok((Encoding::Utf8, 0)),
        // The last character is cut.
        Err(error) if error.error_len().is_none() => Ok((Encoding::Utf8, 0)),
        Err(_) if is_western(start) => Ok((Encoding::Windows1252, 0)),
        Err(_) => refuse(
            "text in another encoding than UTF-8, UTF-16 or Windows-1252, perhaps GB18030, Big5, Shift-JIS \
             or Windows-1251: convert it by `iconv -f GB18030 -t UTF-8`",
        ),
    }
}

/// Whether characters above ASCII are single, as accents are in Western languages: in others they come in rows. Of few
/// it cannot be told.
fn is_western(bytes: &[u8]) -> bool {
    let is_high = |byte: &u8| *byte >= 0x80;
    let n_high = bytes.iter().filter(|byte| is_high(byte)).count();
    let n_rows =
        bytes.chunk_by(|a, b| is_high(a) == is_high(b)).filter(|row| is_high(&row[0])).count();
    n_high < 8 || n_high * 2 < n_rows * 3
}

/// Bytes of an encoding as UTF-8, without the byte order mark.
pub(super) struct Utf8Bytes<R> {
    input: R,
    encoding: Encoding,
    /// Bytes of the input that belong to a character whose end is to come.
    rest: Vec<u8>,
    text: Vec<u8>,
    given: usize,
}

impl<R: Read> Utf8Bytes<R> {
    /// The text behind a byte order mark of so many bytes.
    pub(super) fn new(mut input: R, encoding: Encoding, mark: usize) -> io::Result<Self> {
        input.read_exact(&mut vec![0; mark])?;
        Ok(Self { input, encoding, rest: Vec::new(), text: Vec::new(), given: 0 })
    }

    /// Decodes more of the input; nothing is added at its end.
    fn fill(&mut self) -> io::Result<()> {
        const CHUNK: usize = 16 << 10;
        let mut bytes = std::mem::take(&mut self.rest);
        let kept = bytes.len();
        bytes.resize(kept + CHUNK, 0);
        let n = self.input.read(&mut bytes[kept..])?;
        bytes.truncate(kept + n);
        self.text.clear();
        self.given = 0;
        let mut push = |c: char| self.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        match self.encoding {
            Encoding::Utf8 => self.text = bytes,
            Encoding::Windows1252 => bytes.iter().for_each(|&byte| {
                push(match byte {
                    0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
                    _ => char::from(byte),
                });
            }),
            Encoding::Utf16Le | Encoding::Utf16Be => {
                let is_low_first = self.encoding == Encoding::Utf16Le;
                let unit = |pair: &[u8; 2]| match is_low_first {
                    true => u16::from_le_bytes(*pair),
                    false => u16::from_be_bytes(*pair),
                };
                let (mut pairs, mut odd) = bytes.as_chunks::<2>();
                // The second half of a character may be in the next chunk.
                if n > 0
                    && let [all @ .., last] = pairs
                    && (0xd800..0xdc00).contains(&unit(last))
                {
                    (pairs, odd) = (all, &bytes[2 * all.len()..]);
                }
                char::decode_utf16(pairs.iter().map(unit))
                    .for_each(|c| push(c.unwrap_or(char::REPLACEMENT_CHARACTER)));
                match n {
                    0 if !odd.is_empty() => push(char::REPLACEMENT_CHARACTER),
                    0 => {}
                    _ => self.rest = odd.to_vec(),
                }
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Utf8Bytes<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.encoding == Encoding::Utf8 {
            return self.input.read(to);
        }
        while self.given == self.text.len() {
            self.fill()?;
            if self.text.is_empty() && self.rest.is_empty() {
                return Ok(0);
            }
        }
        let n = to.len().min(self.text.len() - self.given);
        to[..n].copy_from_slice(&self.text[self.given..][..n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "größe;€ 😀\nœuvre;“1,5”\n";

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    fn read(bytes: &[u8]) -> (Encoding, String) {
        let (encoding, mark) = detect(bytes).unwrap();
        // In pieces of one byte, so that characters are cut everywhere.
        struct OneByOne<'a>(&'a [u8]);
        impl Read for OneByOne<'_> {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                let n = to.len().min(1);
                self.0.read(&mut to[..n])
            }
        }
        let mut text = String::new();
        Utf8Bytes::new(OneByOne(bytes), encoding, mark).unwrap().read_to_string(&mut text).unwrap();
        (encoding, text)
    }

    #[test]
    fn text_is_the_same_in_every_encoding_with_and_without_a_mark() {
        let same = |bytes: &[u8], encoding| assert_eq!(read(bytes), (encoding, TEXT.to_owned()));
        same(TEXT.as_bytes(), Encoding::Utf8);
        same(&[b"\xef\xbb\xbf", TEXT.as_bytes()].concat(), Encoding::Utf8);
        for (mark, encoding, to_bytes) in [
            (b"\xff\xfe", Encoding::Utf16Le, u16::to_le_bytes as fn(u16) -> [u8; 2]),
            (b"\xfe\xff", Encoding::Utf16Be, u16::to_be_bytes),
        ] {
            same(&utf16(TEXT, to_bytes), encoding);
            same(&[&mark[..], &utf16(TEXT, to_bytes)].concat(), encoding);
        }
        let western = b"gr\xf6\xdfe;\x80 1\n\x9cuvre;\x931,5\x94\n";
        let text = "größe;€ 1\nœuvre;“1,5”\n".to_owned();
        assert_eq!(read(western), (Encoding::Windows1252, text));
    }

    #[test]
    fn an_odd_last_byte_and_half_a_character_are_shown_as_such() {
        let mut cut = utf16("\u{feff}ab", u16::to_le_bytes);
        cut.push(b'c');
        assert_eq!(read(&cut).1, "ab\u{fffd}");
        let half = [&utf16("\u{feff}ab", u16::to_le_bytes)[..], &0xd800_u16.to_le_bytes()].concat();
        assert_eq!(read(&half).1, "ab\u{fffd}");
    }

    #[test]
    fn what_is_not_read_is_refused_by_name() {
        let message = |bytes: &[u8]| detect(bytes).unwrap_err().to_string();
        let chinese = b"\xc4\xea\xc1\xe4;\xc0\xe0\xb1\xf0\n1;2\n\xc3\xa8;\xc8\xae\xc0\xe0\n";
        assert!(message(chinese).contains("GB18030"), "{}", message(chinese));
        let russian = b"\xe3\xee\xf0\xee\xe4;\xe8\xec\xff\n";
        assert!(message(russian).contains("Windows-1251"));
        assert!(message(b"PK\x03\x04....").contains("ZIP archive"));
        assert!(message(b"\xff\xfe\0\0a\0\0\0").contains("UTF-32"));
        assert!(message(b"\x01\0\0\0\x02\0\0\0").contains("bytes that are not text"));
    }
}
