//! Tensors that stand in a file.

use data::readers::npy::half;

use super::view::MAX_RANK;
use crate::proto::{TensorProto, data_type};

/// A value that no sample changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConstantTensor {
    pub(crate) dims: Vec<usize>,
    pub(crate) numbers: TensorNumbers,
}

/// Its elements, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TensorNumbers {
    Floats(Vec<f32>),
    Wholes(Vec<i64>),
}

impl ConstantTensor {
    /// The elements, if they are real numbers.
    pub(crate) fn floats(&self) -> Option<&[f32]> {
        match &self.numbers {
            TensorNumbers::Floats(values) => Some(values),
            TensorNumbers::Wholes(_) => None,
        }
    }

    /// The elements, if they are whole numbers.
    pub(crate) fn wholes(&self) -> Option<&[i64]> {
        match &self.numbers {
            TensorNumbers::Floats(_) => None,
            TensorNumbers::Wholes(values) => Some(values),
        }
    }

    /// The only element.
    pub(crate) fn scalar(&self) -> Option<f64> {
        match &self.numbers {
            TensorNumbers::Floats(values) => {
                <[_; 1]>::try_from(&values[..]).ok().map(|[x]| x.into())
            }
            TensorNumbers::Wholes(values) => {
                <[_; 1]>::try_from(&values[..]).ok().map(|[x]| x as f64)
            }
        }
    }

    /// The tensor of a message. Its sizes are compared with its bytes before any of them is copied.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn read(proto: &TensorProto) -> Result<Self, String> {
        let (dims, len) = checked_dims(proto)?;
        let raw = proto.raw_data.as_deref();
        let from_raw = |size: usize| match raw {
            Some(bytes) if len.checked_mul(size) != Some(bytes.len()) => {
                let found = bytes.len();
                Err(format!("it has {found} bytes, expected {len} elements of {size} bytes"))
            }
            raw => Ok(raw),
        };
        let floats = TensorNumbers::Floats;
        let numbers = match proto.data_type.unwrap_or(0) {
            data_type::FLOAT => floats(match from_raw(4)? {
                Some(bytes) => {
                    bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()
                }
                None => expect(proto.float_data.len(), len).map(|()| proto.float_data.clone())?,
            }),
            data_type::DOUBLE => floats(match from_raw(8)? {
                Some(bytes) => {
                    let (values, _) = bytes.as_chunks();
                    values.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect()
                }
                None => {
                    expect(proto.double_data.len(), len)?;
                    proto.double_data.iter().map(|&value| value as f32).collect()
                }
            }),
            kind @ (data_type::FLOAT16 | data_type::BFLOAT16) => {
                let widened = |bits: u16| match kind {
                    data_type::FLOAT16 => half(bits),
                    _ => f32::from_bits(u32::from(bits) << 16),
                };
                floats(match from_raw(2)? {
                    Some(bytes) => {
                        let (values, _) = bytes.as_chunks();
                        values.iter().map(|&bytes| widened(u16::from_le_bytes(bytes))).collect()
                    }
                    None => {
                        expect(proto.int32_data.len(), len)?;
                        proto.int32_data.iter().map(|&bits| widened(bits as u16)).collect()
                    }
                })
            }
            data_type::INT64 => TensorNumbers::Wholes(match from_raw(8)? {
                Some(bytes) => {
                    bytes.as_chunks().0.iter().copied().map(i64::from_le_bytes).collect()
                }
                None => expect(proto.int64_data.len(), len).map(|()| proto.int64_data.clone())?,
            }),
            data_type::INT32 => TensorNumbers::Wholes(match from_raw(4)? {
                Some(bytes) => {
                    let (values, _) = bytes.as_chunks();
                    values.iter().map(|&bytes| i32::from_le_bytes(bytes).into()).collect()
                }
                None => small_wholes(proto, len)?,
            }),
            data_type::BOOL => TensorNumbers::Wholes(match from_raw(1)? {
                Some(bytes) => bytes.iter().map(|&byte| byte.into()).collect(),
                None => small_wholes(proto, len)?,
            }),
            other => return Err(format!("its elements have the type {other}, expected numbers")),
        };
        Ok(Self { dims, numbers })
    }
}

fn small_wholes(proto: &TensorProto, len: usize) -> Result<Vec<i64>, String> {
    expect(proto.int32_data.len(), len)?;
    Ok(proto.int32_data.iter().map(|&value| value.into()).collect())
}

fn expect(found: usize, expected: usize) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("it has {found} elements, expected the {expected} of its shape")),
    }
}

/// The shape of a tensor and the number of its elements.
fn checked_dims(proto: &TensorProto) -> Result<(Vec<usize>, usize), String> {
    if proto.dims.len() > MAX_RANK {
        return Err(format!("it has {} axes, expected at most {MAX_RANK}", proto.dims.len()));
    }
    let refuse = || Err(format!("its shape is {:?}, expected sizes from 0 on", proto.dims));
    let Ok(dims) =
        proto.dims.iter().map(|&size| size.try_into()).collect::<Result<Vec<usize>, _>>()
    else {
        return refuse();
    };
    elements(&dims).map_or_else(refuse, |len| Ok((dims, len)))
}

/// The elements of a tensor of these sizes; none if no memory has so many.
pub(crate) fn elements(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1, |len: usize, &size| len.checked_mul(size))
}
