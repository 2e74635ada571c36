//! Files of arrays for tests.

/// An NPY file of version 1.
pub(crate) fn npy(descr: &str, column_order: bool, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let order = if column_order { "True" } else { "False" };
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let len = (text.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\0", &len[..], text.as_bytes(), bytes].concat()
}

/// Numbers of 64 bits with the low byte first.
pub(crate) fn f64s(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
