//! The elements of arrays.

use crate::DataFault;

/// What an element is, and how it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) kind: ElementKind,
    /// Bytes of a number, or characters of a text.
    size: usize,
    big_endian: bool,
}

/// What an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementKind {
    /// 0 or 1.
    Bool,
    Signed,
    Unsigned,
    Float,
    /// Text in UTF-32.
    Unicode,
    /// Text of bytes.
    Ascii,
}

/// Whole numbers beyond are not told apart in `f64`.
const EXACT: u64 = 1 << 53;

impl Element {
    /// Reads a type as NumPy writes it: `<f8`.
    pub(super) fn parse(descr: &str) -> Result<Self, DataFault> {
        let refuse = |found: String| {
            let expected = "booleans, whole or real numbers, or texts".to_owned();
            Err(DataFault::Format { found, expected })
        };
        let (order, rest) = descr.split_at_checked(1).unwrap_or_default();
        let (kind, size) = rest.split_at_checked(1).unwrap_or_default();
        let big_endian = match order {
            ">" => true,
            "<" | "|" => false,
            _ => return refuse(format!("elements of type `{descr}`")),
        };
        if kind == "O" {
            // Objects are pickled: reading them would run what the file says.
            return refuse("Python objects (`|O`), which only Python can read".to_owned());
        }
        let Ok(size) = size.parse::<usize>() else {
            return refuse(format!("elements of type `{descr}`"));
        };
        let kind = match (kind, size) {
            ("b", 1) => ElementKind::Bool,
            ("i", 1 | 2 | 4 | 8) => ElementKind::Signed,
            ("u", 1 | 2 | 4 | 8) => ElementKind::Unsigned,
            ("f", 2 | 4 | 8) => ElementKind::Float,
            ("U", 1..=65_536) => ElementKind::Unicode,
            ("S", 1..=65_536) => ElementKind::Ascii,
            _ => return refuse(format!("elements of type `{descr}`")),
        };
        Ok(Self { kind, size, big_endian })
    }

    /// Bytes of an element.
    pub(super) fn bytes(self) -> usize {
        if self.kind == ElementKind::Unicode { 4 * self.size } else { self.size }
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self.kind, ElementKind::Unicode | ElementKind::Ascii)
    }

    /// Whether numbers are bytes, as those of pictures.
    pub(super) fn is_byte(self) -> bool {
        self.bytes() == 1 && matches!(self.kind, ElementKind::Bool | ElementKind::Unsigned)
    }

    /// The number of an element; none for a whole number that `f64` does not hold.
    pub(super) fn number(self, bytes: &[u8]) -> Option<f64> {
        let mut word = [0; 8];
        let n = bytes.len().min(8);
        match self.big_endian {
            true => (0..n).for_each(|i| word[n - 1 - i] = bytes[i]),
            false => word[..n].copy_from_slice(&bytes[..n]),
        }
        let bits = u64::from_le_bytes(word);
        Some(match (self.kind, self.size) {
            (ElementKind::Bool, _) => f64::from(u8::from(bits != 0)),
            (ElementKind::Signed, size) => {
                let unused = 64 - 8 * size as u32;
                let number = (bits << unused) as i64 >> unused;
                (number.unsigned_abs() <= EXACT).then_some(number as f64)?
            }
            (ElementKind::Float, 2) => half(bits as u16).into(),
            (ElementKind::Float, 4) => f32::from_bits(bits as u32).into(),
            (ElementKind::Float, _) => f64::from_bits(bits),
            _ => (bits <= EXACT).then_some(bits as f64)?,
        })
    }

    /// The text of an element, without the zeros behind it.
    pub(super) fn text(self, bytes: &[u8]) -> String {
        let text: String = match self.kind {
            ElementKind::Unicode => {
                let (words, _) = bytes.as_chunks::<4>();
                let code = |word: &[u8; 4]| match self.big_endian {
                    true => u32::from_be_bytes(*word),
                    false => u32::from_le_bytes(*word),
                };
                let character =
                    |word| char::from_u32(code(word)).unwrap_or(char::REPLACEMENT_CHARACTER);
                words.iter().map(character).collect()
            }
            _ => String::from_utf8_lossy(bytes).into_owned(),
        };
        text.trim_end_matches('\0').trim().to_owned()
    }
}

/// A number of 16 bits: 1 sign, 5 exponent, 10 fraction.
pub fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (bits >> 10 & 0x1f, f32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2_f32.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(descr: &str, bytes: &[u8]) -> Option<f64> {
        Element::parse(descr).unwrap().number(bytes)
    }

    #[test]
    fn numbers_of_every_size_and_byte_order_are_read() {
        assert_eq!(number("|b1", &[0]), Some(0.0));
        assert_eq!(number("|b1", &[7]), Some(1.0));
        assert_eq!(number("|u1", &[200]), Some(200.0));
        assert_eq!(number("|i1", &[200]), Some(-56.0));
        assert_eq!(number("<i2", &(-300_i16).to_le_bytes()), Some(-300.0));
        assert_eq!(number(">u4", &4_000_000_000_u32.to_be_bytes()), Some(4e9));
        assert_eq!(
            number("<i8", &(-1_707_954_127_790_i64).to_le_bytes()),
            Some(-1_707_954_127_790.0)
        );
        assert_eq!(number(">f4", &1.5_f32.to_be_bytes()), Some(1.5));
        assert_eq!(number("<f8", &f64::MIN_POSITIVE.to_le_bytes()), Some(f64::MIN_POSITIVE));
        assert_eq!(number("<u8", &u64::MAX.to_le_bytes()), None);
        assert_eq!(number("<i8", &i64::MIN.to_le_bytes()), None);
        let halves: [(u16, f64); 6] = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
            (0x0001, 2_f64.powi(-24)),
            (0x7c00, f64::INFINITY),
            (0x3555, 0.333_251_953_125),
        ];
        for (bits, expected) in halves {
            assert_eq!(number("<f2", &bits.to_le_bytes()), Some(expected), "{bits:#x}");
        }
        assert!(number("<f2", &0x7e00_u16.to_le_bytes()).unwrap().is_nan());
    }

    #[test]
    fn texts_end_before_their_zeros() {
        let unicode: Vec<u8> = "né\0".chars().flat_map(|c| (c as u32).to_be_bytes()).collect();
        assert_eq!(Element::parse(">U3").unwrap().text(&unicode), "né");
        assert_eq!(Element::parse("|S4").unwrap().text(b"ab\0\0"), "ab");
    }

    #[test]
    fn other_types_are_refused_by_name() {
        for descr in ["|O", "O", "<c8", "<M8[s]", "<f16", "=f8", "", "<", "<f", "|V3", "<i3", "é8"]
        {
            let error = Element::parse(descr).unwrap_err().to_string();
            assert!(error.starts_with("expected booleans"), "{descr}: {error}");
        }
    }
}
