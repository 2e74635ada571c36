//! The stored numbers of a crate: `weights.bin`, and the constants that name parts of it.

use std::collections::HashSet;
use std::fmt::Write as _;

/// Characters of the longest line of source.
pub(crate) const LINE: usize = 100;
/// Where numbers begin: at a whole cache line.
const ALIGNMENT: usize = 64;

/// How weights are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WeightFormat {
    /// As they are: 32 bits.
    #[default]
    Float32,
    /// As whole numbers from −127 to 127 and a scale for each output.
    Int8,
}

impl WeightFormat {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "32-bit",
            Self::Int8 => "8-bit",
        }
    }
}

/// Weights as whole numbers: `number · scale`, with a scale for each output, which is the last axis.
#[derive(Debug, PartialEq)]
pub(crate) struct WholeNumbers {
    /// From −127 to 127.
    pub(crate) numbers: Vec<i8>,
    pub(crate) scales: Vec<f32>,
}

impl WholeNumbers {
    /// The nearest ones of weights with so many outputs.
    pub(crate) fn new(values: &[f32], outputs: usize) -> Self {
        const LARGEST: f32 = 127.0;
        let mut scales = vec![0.0_f32; outputs];
        for row in values.chunks_exact(outputs) {
            scales.iter_mut().zip(row).for_each(|(scale, value)| *scale = scale.max(value.abs()));
        }
        // An output without weights has any scale.
        let scale = |largest| if largest > 0.0 { largest / LARGEST } else { 1.0 };
        scales.iter_mut().for_each(|largest| *largest = scale(*largest));
        let all = values.iter().zip(scales.iter().cycle());
        let number = |(value, scale): (&f32, &f32)| (value / scale).round() as i8;
        Self { numbers: all.map(number).collect(), scales }
    }

    /// The weights that they stand for.
    pub(crate) fn values(&self) -> Vec<f32> {
        let all = self.numbers.iter().zip(self.scales.iter().cycle());
        all.map(|(&number, scale)| f32::from(number) * scale).collect()
    }
}

/// The stored numbers under construction.
#[derive(Debug, Default)]
pub(crate) struct Weights {
    bytes: Vec<u8>,
    constants: String,
    names: HashSet<String>,
    has_floats: bool,
}

impl Weights {
    /// Stores numbers and returns the path of the constant: a slice of arrays of the sizes `inner`, from the outermost on.
    pub(crate) fn store(&mut self, label: &str, values: &[f32], inner: &[usize]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.store_bytes(label, "Float", &bytes, values.len(), inner)
    }

    /// The same of whole numbers of one byte.
    pub(crate) fn store_whole(&mut self, label: &str, values: &[i8], inner: &[usize]) -> String {
        let bytes: Vec<u8> = values.iter().map(|value| value.cast_unsigned()).collect();
        self.store_bytes(label, "u8", &bytes, values.len(), inner)
    }

    fn store_bytes(
        &mut self,
        label: &str,
        element: &str,
        bytes: &[u8],
        count: usize,
        inner: &[usize],
    ) -> String {
        let name = self.unused(label);
        // A model of others may have a line break in the name of a layer, behind which source would begin.
        let label = label.replace(char::is_control, " ");
        let is_float = element == "Float";
        self.has_floats |= is_float;
        let start = self.bytes.len();
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        let array = inner.iter().rev().fold(element.to_owned(), |of, n| format!("[{of}; {n}]"));
        let numbers = if is_float { "floats" } else { "bytes" };
        let value = format!("{numbers}({start}, {count}){}", ".as_chunks().0".repeat(inner.len()));
        let declared = format!("pub(crate) const {name}: &[{array}] =");
        let is_long = declared.len() + value.len() + 2 > LINE;
        let gap = if is_long { "\n    " } else { " " };
        let _ = write!(self.constants, "\n/// {label}\n{declared}{gap}{value};\n");
        format!("weights::{name}")
    }

    /// A name for a constant: `1.linear.weight` is `LAYER_1_LINEAR_WEIGHT`.
    fn unused(&mut self, label: &str) -> String {
        let sign = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let mut name: String = label.chars().map(sign).collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            name.insert_str(0, "LAYER_");
        }
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        let name = names.find(|name| !self.names.contains(name)).expect("endless");
        self.names.insert(name.clone());
        name
    }

    /// The bytes of `weights.bin`.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text of `weights.rs`.
    pub(crate) fn source(&self) -> String {
        let n_bytes = self.bytes.len();
        let mut text = format!(
            "//! The weights: names for parts of `weights.bin`, whose numbers have their lowest byte first.\n\n\
             /// They begin at a cache line, as each part does.\n\
             #[repr(align({ALIGNMENT}))]\nstruct Aligned([u8; {n_bytes}]);\n\n\
             static WEIGHTS: Aligned = Aligned(*include_bytes!(\"weights.bin\"));\n\n\
             /// So many bytes from byte `start` on.\n\
             const fn bytes(start: usize, count: usize) -> &'static [u8] {{\n    \
                 WEIGHTS.0.split_at(start).1.split_at(count).0\n}}\n"
        );
        if self.has_floats {
            text += "\n/// An `f32` as it is stored.\ntype Float = [u8; 4];\n\n\
                 /// So many numbers from byte `start` on.\n\
                 const fn floats(start: usize, count: usize) -> &'static [Float] {\n    \
                     bytes(start, 4 * count).as_chunks().0\n}\n";
        }
        text + &self.constants
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_a_scale_for_each_output() {
        let whole = WholeNumbers::new(&[1.0, 0.0, -0.5, 0.0, 0.25, 0.0], 2);
        assert_eq!(whole.scales, [1.0 / 127.0, 1.0]);
        assert_eq!(whole.numbers, [127, 0, -64, 0, 32, 0]);
        let values = whole.values();
        let errors =
            values.iter().zip([1.0, 0.0, -0.5, 0.0, 0.25, 0.0]).map(|(a, b)| (a - b).abs());
        assert!(errors.fold(0.0, f32::max) <= 0.5 / 127.0, "{values:?}");
    }

    #[test]
    fn numbers_begin_at_cache_lines_and_have_names_of_their_own() {
        let mut weights = Weights::default();
        assert_eq!(
            weights.store("1.linear.weight", &[1.0; 6], &[3]),
            "weights::LAYER_1_LINEAR_WEIGHT"
        );
        assert_eq!(weights.store("head.bias", &[2.0], &[]), "weights::HEAD_BIAS");
        assert_eq!(weights.store_whole("head/bias", &[-1], &[1, 1]), "weights::HEAD_BIAS_2");
        assert_eq!(weights.bytes().len(), 192);
        assert_eq!(weights.bytes()[64..68], 2.0_f32.to_le_bytes());
        assert_eq!(weights.bytes()[128], 255);
        weights.store("a\nb", &[], &[]);
        let source = weights.source();
        for line in [
            "LAYER_1_LINEAR_WEIGHT: &[[Float; 3]] = floats(0, 6).as_chunks().0;",
            "HEAD_BIAS: &[Float] = floats(64, 1);",
            "/// a b\npub(crate) const A_B:",
            "HEAD_BIAS_2: &[[[u8; 1]; 1]] = bytes(128, 1).as_chunks().0.as_chunks().0;",
        ] {
            assert!(source.contains(line), "{source}");
        }
    }
}
