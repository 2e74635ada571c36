//! Safetensors files of other programs.

use data::readers::npy::half;
use safetensors::{Dtype, SafeTensorError, SafeTensors, View};

use crate::NumberArray;

/// Reads the tensors of numbers of a file; those of whole numbers, such as counters, are left out.
///
/// # Errors
///
/// What is wrong with the bytes.
pub fn read_safetensors(bytes: &[u8]) -> Result<Vec<NumberArray>, SafeTensorError> {
    let file = SafeTensors::deserialize(bytes)?;
    let tensors = file.iter().filter_map(|(name, view)| {
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F32 => data.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect(),
            Dtype::F64 => {
                let (values, _) = data.as_chunks();
                values.iter().copied().map(|bytes| f64::from_le_bytes(bytes) as f32).collect()
            }
            Dtype::F16 => {
                let (values, _) = data.as_chunks();
                values.iter().copied().map(|bytes| half(u16::from_le_bytes(bytes))).collect()
            }
            // The upper half of a number of 32 bits.
            Dtype::BF16 => {
                let (values, _) = data.as_chunks();
                let widened = |[low, high]: [u8; 2]| f32::from_le_bytes([0, 0, low, high]);
                values.iter().copied().map(widened).collect()
            }
            _ => return None,
        };
        Some(NumberArray { name: name.to_owned(), shape: view.shape().to_vec(), values })
    });
    Ok(tensors.collect())
}

/// The bytes of a file with these tensors.
///
/// # Errors
///
/// If two have one name.
pub fn write_safetensors(tensors: &[NumberArray]) -> Result<Vec<u8>, SafeTensorError> {
    safetensors::serialize(tensors.iter().map(|tensor| (&*tensor.name, TensorView(tensor))), None)
}

/// A tensor as it is written.
struct TensorView<'a>(&'a NumberArray);

impl View for TensorView<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        self.0.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>().into()
    }

    fn data_len(&self) -> usize {
        size_of_val(&self.0.values[..])
    }
}
