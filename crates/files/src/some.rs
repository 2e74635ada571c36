//! Writing as far as it goes.

use std::io::{self, Write};

/// Writes `bytes` until all are written or the system reports an error. Returns how many are written: the rest can be written
/// later.
pub fn write_some(to: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match to.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(n) => written += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_told() {
        let mut place = [0; 5];
        let (written, result) = write_some(&mut &mut place[..], b"seven b");
        assert_eq!((written, result.unwrap_err().kind()), (5, io::ErrorKind::WriteZero));
        assert_eq!(&place, b"seven");
        let mut all = Vec::new();
        let (written, result) = write_some(&mut all, b"seven b");
        assert!(written == 7 && result.is_ok() && all == b"seven b");
    }
}
